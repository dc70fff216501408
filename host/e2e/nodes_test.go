package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/pgtest"
)

// followed is the longest that a busy machine may take to serve what another node has changed; the promise is a second.
const followed = 10 * time.Second

// TestTwoNodesOnOneDatabase: of two servers on one PostgreSQL each serves what the other one changes, scripts, modules,
// routes, apps, sessions and keys, soon after.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	database, files := pgtest.URL(t), t.TempDir() // the nodes have both in common
	var nodes [2]*daemon
	for i := range nodes {
		p := newPlace(t)
		p.env = append(p.env, "PICLOUD_DATABASE_URL="+database, "PICLOUD_FILES_ROOT="+files)
		nodes[i] = launch(t, p)
	}
	one, two := nodes[0], nodes[1]
	token := one.login()
	do := func(method, path string, body string, want int) []byte {
		t.Helper()
		status, answer := one.fetch(method, "/api/v1/admin/"+path, token, body)
		require.Equal(t, want, status, "%s %s: %s", method, path, answer)
		return answer
	}
	idOf := func(answer []byte) string {
		t.Helper()
		var made struct{ ID string }
		require.NoError(t, json.Unmarshal(answer, &made))
		return made.ID
	}
	// soon waits for the other node to answer so.
	soon := func(what, path, token string, status int, body string) {
		t.Helper()
		began := time.Now()
		for {
			gotStatus, got := two.fetch("GET", path, token, "")
			if gotStatus == status && (body == "" || string(got) == body) {
				break
			}
			if time.Since(began) > patience {
				t.Fatalf("%s: the other node answers %d %s, want %d %s", what, gotStatus, got, status, body)
			}
		}
		if late := time.Since(began); late > followed {
			t.Errorf("%s: the other node followed after %v, want at most %v", what, late, followed)
		}
	}

	do("POST", "apps", `{"slug":"shop"}`, 201)
	module := idOf(do("POST", "apps/shop/scripts", `{"name":"words","kind":"module","source":"fn word() { \"one\" }"}`, 201))
	script := idOf(do("POST", "apps/shop/scripts", `{"name":"say","source":"import \"words\" as w; w::word()"}`, 201))
	route := idOf(do("POST", "scripts/"+script+"/routes", `{"method":"GET","path":"/say"}`, 201))
	soon("a new app, module, script and route", "/say", "", 200, "one")
	do("PUT", "scripts/"+module, `{"source":"fn word() { \"two\" }"}`, 200)
	soon("a changed module", "/say", "", 200, "two")
	do("PUT", "scripts/"+script, `{"source":"\"three\""}`, 200)
	soon("a changed script", "/say", "", 200, "three")
	do("DELETE", "routes/"+route, "", 204)
	soon("a deleted route", "/say", "", 404, "")
	do("POST", "scripts/"+script+"/routes", `{"path":"/say"}`, 201)
	soon("a new route", "/say", "", 200, "three")
	do("DELETE", "scripts/"+script, "", 204)
	soon("a deleted script", "/say", "", 404, "")
	script = idOf(do("POST", "apps/shop/scripts", `{"name":"say","source":"\"four\""}`, 201))
	do("POST", "scripts/"+script+"/routes", `{"path":"/say"}`, 201)
	soon("a script in its place", "/say", "", 200, "four")
	do("DELETE", "apps/shop", "", 204)
	soon("a deleted app", "/say", "", 404, "")

	const me = "/api/v1/admin/me"
	var key wire.APIKey
	require.NoError(t, json.Unmarshal(do("POST", "me/keys", `{"name":"ci","scopes":["script:read"]}`, 201), &key))
	soon("a session", me, token, 200, "")
	soon("a key", me, key.Key, 200, "")
	do("DELETE", "me/keys/"+key.ID, "", 204)
	soon("a deleted key", me, key.Key, 401, "")
	do("POST", "auth/logout", "", 204)
	soon("an ended session", me, token, 401, "")

	for _, node := range nodes {
		require.NoError(t, node.end(syscall.SIGTERM))
		assert.NotContains(t, node.output.String(), "level=ERROR")
	}
}

// TestNodesMakeOneRouteOnce: of two routes in each other's way that two nodes are asked for at the same time, one is made.
func TestNodesMakeOneRouteOnce(t *testing.T) {
	database, files := pgtest.URL(t), t.TempDir() // the nodes have both in common
	var nodes [2]*daemon
	for i := range nodes {
		p := newPlace(t)
		p.env = append(p.env, "PICLOUD_DATABASE_URL="+database, "PICLOUD_FILES_ROOT="+files)
		nodes[i] = launch(t, p)
	}
	token := nodes[0].login()
	status, answer := nodes[0].fetch("POST", "/api/v1/admin/apps/default/scripts", token, `{"name":"s","source":"1"}`)
	require.Equal(t, 201, status, "%s", answer)
	var script wire.Script
	require.NoError(t, json.Unmarshal(answer, &script))
	for round := range 10 {
		statuses := make(chan int, len(nodes))
		for i, parameter := range []string{"a", "b"} {
			go func() {
				status, _ := nodes[i].fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", token,
					fmt.Sprintf(`{"method":"GET","path":"/%d/:%s"}`, round, parameter))
				statuses <- status
			}()
		}
		got := map[int]int{<-statuses: 1}
		got[<-statuses]++
		require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: 1}, got, "round %d", round)
	}
}
