package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/picloud/picloud/host/api/wire"
)

// People are invited, log in with a second factor, look after their sessions, and leave, all by the
// command line.
func TestPeople(t *testing.T) {
	p, server := loggedIn(t)
	ada := &place{dir: p.dir, env: append(p.env, "XDG_CONFIG_HOME="+filepath.Join(p.dir, "ada"))} // another person, on the same machine
	run := func(as *place, stdin string, status int, says string, args ...string) {
		t.Helper()
		if r := as.run(t, stdin, args...); r.status != status || !strings.Contains(r.stdout+r.stderr, says) {
			t.Fatalf("%s\nwant status %d and: %s", r, status, says)
		}
	}

	invited := decode[wire.User](t, p, "users", "create", "ada")
	if invited.State != "invited" || !strings.HasPrefix(invited.InviteURL, server.url+"/api/v1/admin/auth/invite#pcv_") {
		t.Fatalf("%+v", invited)
	}
	run(ada, "engine of 1843\n", exitUsage, "an invite is an address", "password", "accept", server.url, "--password-stdin")
	run(ada, "engine of 1843\n", exitOK, "The password of ada is set. Log in: picloud login --url "+server.url+" --username ada", "password", "accept", invited.InviteURL, "--password-stdin")
	run(ada, "engine of 1844\n", exitFailed, "used already", "password", "accept", invited.InviteURL, "--password-stdin")
	_, token, _ := strings.Cut(invited.InviteURL, "#")
	run(ada, "engine of 1844\n", exitFailed, "used already", "password", "accept", server.url+"/invite#"+token, "--password-stdin") // as the dashboard shows it
	run(ada, "engine of 1843\n", exitOK, "Logged in", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	ada.fails(t, exitFailed, "users.manage", "users", "list")

	// A second factor.
	key := wire.TOTPKey{}
	if r := ada.run(t, "engine of 1843\n", "totp", "begin", "--password-stdin"); r.status != exitOK {
		t.Fatal(r)
	} else {
		for line := range strings.Lines(r.stdout) {
			if secret, ok := strings.CutPrefix(line, "Secret: "); ok {
				key.Secret = strings.TrimSpace(secret)
			}
		}
	}
	code := func(at time.Time) string {
		t.Helper()
		code, err := totp.GenerateCode(key.Secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	now := time.Now()
	codes := decode[wire.RecoveryCodes](t, ada, "totp", "confirm", code(now)).Codes
	ada.must(t, "logout")
	run(ada, "engine of 1843\n", exitUsage, "no code on standard input", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	run(ada, "engine of 1843\n"+code(now)+"\n", exitFailed, "used already", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	run(ada, "engine of 1843\n"+code(now.Add(30*time.Second))+"\n", exitOK, "Logged in", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	if got := decode[wire.TOTP](t, ada, "totp", "show"); !got.Enabled || got.RecoveryCodes != 10 {
		t.Errorf("%+v", got)
	}
	fresh := decode[wire.RecoveryCodes](t, ada, "totp", "recovery-codes", "--code", codes[0]).Codes
	run(ada, "engine of 1843\n", exitOK, "Logged in", "login", "--url", server.url, "--username", "ada", "--password-stdin", "--code", fresh[0])
	ada.must(t, "totp", "disable", "--code", fresh[1])

	// Sessions, and the password.
	sessions := decode[[]wire.Session](t, ada, "sessions", "list")
	if len(sessions) != 2 {
		t.Fatalf("%+v", sessions)
	}
	for _, s := range sessions {
		if s.Address != "127.0.0.1" || !strings.HasPrefix(s.UserAgent, "picloud (") {
			t.Errorf("%+v", s)
		}
	}
	ada.fails(t, exitUsage, "name a session", "sessions", "end")
	if got := ada.must(t, "sessions", "end", "--others"); got != "1 session ended.\n" {
		t.Errorf("printed %q", got)
	}
	run(ada, "wrong\nanother engine\n", exitFailed, "old_password: is not your password", "password", "change", "--password-stdin")
	run(ada, "engine of 1843\nanother engine\n", exitOK, "ada has a new password", "password", "change", "--password-stdin")
	ada.must(t, "sessions", "list")

	// Roles, deactivation and what is owned.
	if got := p.must(t, "users", "role", "Ada", "admin"); got != "User ada is admin now.\n" {
		t.Errorf("printed %q", got)
	}
	ada.fails(t, exitFailed, "owners.manage", "users", "deactivate", "admin")
	p.fails(t, exitFailed, "the last active owner", "users", "deactivate", "admin")
	run(p, "third engine\n", exitOK, "The password of ada is reset.", "users", "reset-password", "ada", "--password-stdin")
	ada.fails(t, exitFailed, "revoked", "users", "list")
	run(ada, "third engine\n", exitOK, "Logged in", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	p.must(t, "users", "deactivate", "ada")
	run(ada, "third engine\n", exitFailed, "wrong username or password", "login", "--url", server.url, "--username", "ada", "--password-stdin")
	p.must(t, "users", "reactivate", "ada")
	p.must(t, "users", "rename", "ada", "lovelace")
	if got := p.must(t, "users", "list"); !strings.Contains(got, "lovelace  admin  active") {
		t.Errorf("printed %q", got)
	}
	p.fails(t, exitUsage, "Delete the user lovelace? Standard input is not a terminal", "users", "delete", "lovelace")
	p.must(t, "users", "delete", "lovelace", "--yes")
	p.fails(t, exitFailed, `there is no user "lovelace"`, "users", "show", "lovelace")
}
