package front_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// touching is a script that tries each kind of operation and tells which it may.
var touching = func() string {
	script := "let t = #{};\n"
	for name, operation := range map[string]string{
		"read_kv":     `kv::collection("c").get("k")`,
		"write_kv":    `kv::collection("c").incr("k", 1)`,
		"read_docs":   `docs::collection("c").count()`,
		"write_docs":  `docs::collection("c").create(#{})`,
		"read_files":  `files::collection("c").list()`,
		"write_files": `files::collection("c").create(#{ name: "a", content_type: "text/plain", data: "x" })`,
		"http":        `http::get("http://127.0.0.1:1/")`,
	} {
		script += fmt.Sprintf("try { %s; t.%s = \"yes\"; } catch (e) { t.%s = e.code; }\n", operation, name, name)
	}
	return script + "t"
}()

func touched(read, write, http string) string {
	return fmt.Sprintf(`{"http":%q,"read_docs":%q,"read_files":%q,"read_kv":%q,"write_docs":%q,"write_files":%q,"write_kv":%q}`,
		http, read, read, read, write, write, write)
}

// An execution may do what who started it may: a route what the app may, a caller what they may in
// the app; a read-only script may only read.
func TestExecutionsHaveTheCapabilitiesOfTheirStarter(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	script := s.Script("shop", "touching", touching)
	s.Route(script, "GET", "/touch")
	all, reads := touched("yes", "yes", "unreachable"), touched("yes", "denied", "denied") // nobody answers on that port
	key := func(scopes ...string) string {
		return do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: scopes}, 201).Key
	}
	execute := func(token string) answer {
		return s.Fetch("POST", "/api/v1/execute/"+script.ID, "", "Authorization: Bearer "+token)
	}
	tokens := map[string]string{"owner": s.Token, "editor": s.Member(app.ID, "editor"), "script:write": key("script:write"), "app:admin": key("app:admin")}
	for _, c := range []struct {
		readOnly bool
		want     string
	}{{false, all}, {true, reads}, {false, all}} {
		do[wire.Script](s, "PUT", "scripts/"+script.ID, wire.ScriptUpdate{ReadOnly: &c.readOnly}, 200)
		assert.Equal(t, c.readOnly, do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200).ReadOnly)
		assert.Equal(t, c.want, string(s.Fetch("GET", "/touch", "").Content), "route, read-only %v", c.readOnly)
		for who, token := range tokens {
			assert.Equal(t, c.want, string(execute(token).Content), "%s, read-only %v", who, c.readOnly)
		}
		run := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", wire.RunRequest{}, 200)
		assert.Equal(t, c.want, string(run.Body), "test run, read-only %v", c.readOnly)
	}
	for who, token := range map[string]string{"viewer": s.Member(app.ID, "viewer"), "script:read": key("script:read"), "log:read": key("log:read")} {
		assert.Equal(t, 403, execute(token).StatusCode, who)
	}
}

// However many add to one counter at once, none is lost.
func TestCounterUnderLoad(t *testing.T) {
	s := newSite(t)
	s.Deploy("/count", `kv::collection("c").incr("n", 1)`)
	const clients, each = 64, 10
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for done := 0; done < each; {
				r, err := http.NewRequest("POST", s.URL+"/count", nil)
				if !assert.NoError(t, err) {
					return
				}
				resp, err := http.DefaultClient.Do(r)
				if !assert.NoError(t, err) {
					return
				}
				resp.Body.Close()
				switch resp.StatusCode {
				case 200:
					done++
				case 503: // too many at once, and nothing has happened: again
				default:
					assert.Equal(t, 200, resp.StatusCode)
					return
				}
			}
		})
	}
	wait.Wait()
	got := s.Fetch("POST", "/count", "")
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, fmt.Sprint(clients*each+1), string(got.Content))
}
