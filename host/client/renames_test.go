package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

// A request for an app that is called otherwise now is sent again, with its body, and the next one at once to where the
// app is; never to another server.
func TestRenamedApps(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	defer elsewhere.Close()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		path := strings.TrimPrefix(r.URL.EscapedPath(), "/below/api/v1/admin/")
		asked = append(asked, strings.TrimSpace(r.Method+" "+path+" "+string(body)))
		if got := r.Header.Get("Authorization"); got != "Bearer token" {
			t.Errorf("authorization is %q", got)
		}
		_, rest, _ := strings.Cut(path, "apps/")
		for before, now := range map[string]string{"one": "two", "two": "three"} {
			if tail, moved := strings.CutPrefix(rest, before); moved {
				w.Header().Set("Location", elsewhere.URL+"/api/v1/admin/apps/"+now+tail)
				w.WriteHeader(http.StatusPermanentRedirect)
				return
			}
		}
		if strings.HasPrefix(rest, "left") || strings.HasPrefix(rest, "right") {
			http.Redirect(w, r, "/api/v1/admin/apps/"+map[bool]string{true: "right", false: "left"}[rest == "left"], http.StatusPermanentRedirect)
			return
		}
		if strings.HasPrefix(rest, "circle") {
			w.Header().Set("Location", "/api/v1/admin/apps/circle")
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	c, err := New(server.URL+"/below", "token")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	c.OnRename(func(before, now string) { told = append(told, before+" is "+now) })
	expect := func(err error, want ...string) {
		t.Helper()
		if err != nil || strings.Join(asked, "; ") != strings.Join(want, "; ") {
			t.Errorf("asked %q and got %v, want %q", asked, err, want)
		}
		asked = nil
	}
	_, err = c.UpdateApp(t.Context(), "one", wire.AppUpdate{})
	expect(err, "PUT apps/one {}", "PUT apps/two {}", "PUT apps/three {}")
	_, err = c.RenameApp(t.Context(), "one", "x")
	expect(err, `POST apps/three:rename {"slug":"x"}`)
	_, err = c.UploadFile(t.Context(), "two", "c", "f", "", io.NopCloser(strings.NewReader("bytes")))
	expect(err, "GET apps/three", "POST apps/three/files/c bytes")
	_, err = c.UploadFile(t.Context(), "two", "c", "f", "", io.NopCloser(strings.NewReader("more")))
	expect(err, "POST apps/three/files/c more")
	if got := strings.Join(told, ", "); got != "one is two, two is three" {
		t.Errorf("told %q", got)
	}
	for _, app := range []string{"circle", "left"} {
		if _, err := c.App(t.Context(), app); !HasStatus(err, http.StatusPermanentRedirect) {
			t.Errorf("of a server that leads nowhere: %v", err)
		}
	}
}

// What can be read once is not sent before it is known where to.
func TestRenamedAppsOfUploads(t *testing.T) {
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Method+" "+r.URL.Path+" "+string(body))
		if strings.Contains(r.URL.Path, "/apps/old") {
			http.Redirect(w, r, strings.Replace(r.URL.Path, "/old", "/new", 1), http.StatusPermanentRedirect)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	c, err := New(server.URL, "token")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UploadFile(t.Context(), "old", "c", "f", "", io.NopCloser(strings.NewReader("bytes"))); err != nil {
		t.Fatal(err)
	}
	want := "GET /api/v1/admin/apps/old ; GET /api/v1/admin/apps/new ; POST /api/v1/admin/apps/new/files/c bytes"
	if got := strings.Join(sent, "; "); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}
