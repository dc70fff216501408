package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// ownConfig points the user's configuration directory into a temporary one and clears the variables
// that commands read.
func ownConfig(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	t.Setenv("PICLOUD_URL", "")
	t.Setenv("PICLOUD_TOKEN", "")
	path, err := credentialsPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCredentialsArePrivate(t *testing.T) {
	path := ownConfig(t)
	want := credentials{login: login{URL: "http://127.0.0.1:1", Username: "admin", Token: "pcs_x", ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}}
	for range 2 { // new, then replaced
		saved, err := want.save()
		if err != nil || saved != path {
			t.Fatalf("save = %q, %v, want %q", saved, err, path)
		}
		for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
			if info, err := os.Stat(name); err != nil || info.Mode() != mode {
				t.Errorf("mode of %s is %v, %v, want %v", name, info.Mode(), err, mode)
			}
		}
	}
	if got, err := loadCredentials(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("loaded %+v, %v, want %+v", got, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left beside the credentials: %v", left)
	}
	for range 2 { // forgetting nothing is fine
		if _, err := (credentials{}).save(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := loadCredentials(); err != nil || !reflect.DeepEqual(got, credentials{}) {
		t.Errorf("loaded %+v, %v after forgetting", got, err)
	}
}

func TestDamagedCredentials(t *testing.T) {
	path := ownConfig(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCredentials(); err == nil || !strings.Contains(err.Error(), path+" is damaged") {
		t.Errorf("error = %v, want one that names the file", err)
	}
}

// Which server a command talks to, and with which token.
func TestConnect(t *testing.T) {
	const here, there = "http://127.0.0.1:7001", "http://127.0.0.1:7002"
	future, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for _, test := range []struct {
		name     string
		saved    login
		flag     string
		token    string // PICLOUD_TOKEN
		wantURL  string
		wantFail string
	}{
		{"as logged in", login{URL: here, Token: "t", ExpiresAt: future}, "", "", here, ""},
		{"variable wins over the login's token", login{URL: here, Token: "t", ExpiresAt: future}, "", "v", here, ""},
		{"trailing slash is the same server", login{URL: here, Token: "t", ExpiresAt: future}, here + "/", "", here, ""},
		{"a token goes to its own server only", login{URL: here, Token: "t", ExpiresAt: future}, there, "", "", "not logged in to " + there},
		{"an expired login", login{URL: here, Token: "t", ExpiresAt: past}, "", "", "", "not logged in to " + here + " any more: the session has expired"},
		{"never logged in", login{}, "", "", "", "not logged in to " + defaultAddress},
		{"token from the environment alone", login{}, "", "v", defaultAddress, ""},
		{"not an address", login{}, "localhost:8080", "v", "", "server address must be an http or https URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ownConfig(t)
			if test.saved != (login{}) {
				if _, err := (credentials{login: test.saved}).save(); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PICLOUD_TOKEN", test.token)
			c, err := (&Remote{URL: test.flag, notices: &notices{}}).connect()
			switch {
			case test.wantFail != "":
				if err == nil || !strings.Contains(err.Error(), test.wantFail) {
					t.Errorf("error = %v, want it to say: %s", err, test.wantFail)
				}
			case err != nil:
				t.Error(err)
			case c.Address() != test.wantURL:
				t.Errorf("talks to %s, want %s", c.Address(), test.wantURL)
			}
		})
	}
}
