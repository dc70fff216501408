package sites

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

const id = "01a20970-f805-7922-8ded-6d329840dbfc"

// parse reads a site of some paths, each with an id that ends in its number.
func parse(t *testing.T, more string, paths ...string) (*Site, error) {
	t.Helper()
	files := map[string]string{}
	for i, p := range paths {
		files[p] = fmt.Sprintf("%s%02d", id[:len(id)-2], i)
	}
	text, err := json.Marshal(files)
	require.NoError(t, err)
	return Parse(`{"files":` + string(text) + more + `}`)
}

func TestFind(t *testing.T) {
	paths := []string{"index.html", "about.html", "docs/index.html", "docs/a b.txt", "assets/app.1f2e.js", "404.html", "logo.svg"}
	at := func(n int) string { return fmt.Sprintf("%s%02d", id[:len(id)-2], n) }
	s, err := parse(t, `,"immutable":["assets/"],"max_age":60`, paths...)
	require.NoError(t, err)
	app, err := parse(t, `,"fallback":"index.html","index":"main.html"`, append(paths, "main.html")...)
	require.NoError(t, err)
	for _, c := range []struct {
		site    *Site
		name    string
		browses bool
		want    Page
	}{
		{s, "", true, Page{Status: 200, File: at(0), Cache: "no-cache"}},
		{s, "index.html", true, Page{Status: 200, File: at(0), Cache: "no-cache"}},
		{s, "about.html", false, Page{Status: 200, File: at(1), Cache: "no-cache"}},
		{s, "logo.svg", false, Page{Status: 200, File: at(6), Cache: "public, max-age=60"}},
		{s, "assets/app.1f2e.js", false, Page{Status: 200, File: at(4), Cache: "public, max-age=31536000, immutable"}},
		{s, "docs/", true, Page{Status: 200, File: at(2), Cache: "no-cache"}},
		{s, "docs", true, Page{Status: 308, Redirect: "docs/"}},
		{s, "docs/a b.txt", true, Page{Status: 200, File: at(3), Cache: "public, max-age=60"}},
		{s, "assets/", true, Page{Status: 404, File: at(5), Cache: "no-cache"}},
		{s, "nothing", true, Page{Status: 404, File: at(5), Cache: "no-cache"}},
		{s, "about.html/", true, Page{Status: 404, File: at(5), Cache: "no-cache"}},
		{s, "docs//", true, Page{Status: 404, File: at(5), Cache: "no-cache"}},
		{s, "../index.html", true, Page{Status: 404, File: at(5), Cache: "no-cache"}},
		{app, "", true, Page{Status: 200, File: at(7), Cache: "no-cache"}},
		{app, "orders/7", true, Page{Status: 200, File: at(0), Cache: "no-cache"}},
		{app, "orders/7.json", false, Page{Status: 404, File: at(5), Cache: "no-cache"}},
	} {
		assert.Equal(t, c.want, c.site.Find(c.name, c.browses), "%q", c.name)
	}
	later, err := parse(t, `,"previous":{"app.3f9a1c2b.js":"`+at(50)+`","old.html":"`+at(51)+`","a.txt":"`+at(52)+`","lib/b.js":"`+at(53)+`"},"immutable":["lib/"]`, "a.txt", "404.html")
	require.NoError(t, err)
	for name, want := range map[string]Page{
		"app.3f9a1c2b.js": {Status: 200, File: at(50), Cache: "public, max-age=31536000, immutable"}, // which pages loaded before want
		"lib/b.js":        {Status: 200, File: at(53), Cache: "public, max-age=31536000, immutable"},
		"a.txt":           {Status: 200, File: at(0), Cache: "no-cache"},
		"old.html":        {Status: 404, File: at(1), Cache: "no-cache"}, // is not of the site any more
	} {
		assert.Equal(t, want, later.Find(name, false), name)
	}
	all := maps.Collect(later.All())
	assert.Len(t, all, 5)
	bare, err := parse(t, "", "a.txt")
	require.NoError(t, err)
	assert.Equal(t, Page{Status: 404, Cache: "no-cache"}, bare.Find("b", true))
}

func TestRefused(t *testing.T) {
	for _, name := range []string{"", "/a", "a/", "a//b", "./a", "../a", "a/../b", ".env", "a/.git/config", ".well-known/.env", "a/.well-known/b", ".well-known", "a\\b", "a\nb", "."} {
		_, err := parse(t, "", name)
		assert.Equal(t, fault.Invalid, fault.Of(err), "%q", name)
		assert.ErrorContains(t, err, "source: files: the path ", "%q", name)
	}
	_, err := parse(t, "", ".well-known/security.txt")
	assert.NoError(t, err)
	for source, want := range map[string]string{
		``:                       "is no static site",
		`[]`:                     "is no static site: cannot be a JSON array",
		`{"max_age":"x"}`:        "is no static site: max_age cannot be a JSON string",
		`{"file":1}`:             `unknown field "file"`,
		`{"files":{"a":"x"}}`:    `files: "a" must be the id of a file, got "x"`,
		`{"previous":{"a":"x"}}`: `previous: "a" must be the id of a file, got "x"`,
		`{"fallback":"a.html"}`:  `fallback is "a.html", which is not among the files`,
		`{"not_found":"a.html"}`: `not_found is "a.html", which is not among the files`,
		`{"index":"a/b.html"}`:   `index must be the name of a file in each folder`,
		`{"max_age":-1}`:         "max_age must be 0 to 31536000, got -1",
	} {
		_, err := Parse(source)
		assert.ErrorContains(t, err, want, source)
	}
}
