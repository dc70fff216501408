package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func (p *place) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestKVCommands(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "value.json", `[1, 1.0, null]`)
	p.must(t, "kv", "put", "stock", "apples/red", `{"count":9223372036854775807}`)
	p.must(t, "kv", "put", "stock", "pears", `"two"`, "--ttl", "1h")
	p.must(t, "kv", "put", "stock", "plums", "@value.json", "--if-absent")
	p.fails(t, exitFailed, "there is such a key", "kv", "put", "stock", "plums", "1", "--if-absent")
	p.fails(t, exitUsage, "VALUE must be JSON", "kv", "put", "stock", "plums", "hello")
	p.fails(t, exitUsage, "VALUE: open gone", "kv", "put", "stock", "plums", "@gone")
	p.fails(t, exitFailed, "collection: must be text without control characters", "kv", "list", "a\nb")

	if got := p.must(t, "kv", "get", "stock", "apples/red"); !strings.Contains(got, "9223372036854775807") {
		t.Errorf("get prints %q", got)
	}
	if entry := decode[wire.KVEntry](t, p, "kv", "get", "stock", "pears"); entry.Key != "pears" || entry.ExpiresAt == nil {
		t.Errorf("entry = %+v", entry)
	}
	table := p.must(t, "kv", "list", "stock")
	if !regexp.MustCompile(`^KEY +VALUE +EXPIRES\napples/red +\{"count":9223372036854775807\} +never\npears +"two" +\d{4}-.*\nplums +\[1,1\.0,null\] +never\n$`).MatchString(strings.ReplaceAll(table, ", ", ",")) {
		t.Errorf("table is\n%s", table)
	}
	if got := decode[[]wire.KVEntry](t, p, "kv", "list", "stock", "--limit", "2"); len(got) != 2 {
		t.Errorf("%d entries with --limit 2", len(got))
	}
	if got := decode[[]wire.KVCollection](t, p, "kv", "collections"); len(got) != 1 || got[0] != (wire.KVCollection{Name: "stock", Entries: 3}) {
		t.Errorf("collections = %+v", got)
	}

	// Into another app and back out is the same, to the byte.
	p.must(t, "apps", "create", "copy")
	exported := p.must(t, "kv", "export", "stock")
	if got := strings.Count(exported, "\n"); got != 3 {
		t.Errorf("%d lines exported:\n%s", got, exported)
	}
	p.must(t, "kv", "export", "stock", "stock.jsonl")
	if got := p.read(t, "stock.jsonl"); got != exported {
		t.Errorf("the file has %q, standard output had %q", got, exported)
	}
	if got := p.must(t, "kv", "import", "stock", "stock.jsonl", "--app", "copy"); got != "3 imported.\n" {
		t.Errorf("import prints %q", got)
	}
	if got := p.must(t, "kv", "export", "stock", "--app", "copy"); got != exported {
		t.Errorf("the copy is\n%s\nwant\n%s", got, exported)
	}
	if r := p.run(t, `{"key":"a","value":1}`+"\n\n"+`{"key":"b","valu":2}`+"\n", "kv", "import", "c", "-"); r.status != exitFailed ||
		!strings.Contains(r.stderr, "- line 3: value is missing (1 lines before it are imported)") {
		t.Errorf("a wrong line: %s", r)
	}
	p.must(t, "kv", "delete", "--yes", "stock", "pears")
	p.fails(t, exitFailed, "key not found", "kv", "delete", "--yes", "stock", "pears")
	p.fails(t, exitFailed, "key not found", "kv", "get", "stock", "pears")
}

func TestDocsCommands(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "ada.json", `{"name":"Ada","born":1815}`)
	ada := decode[wire.Document](t, p, "docs", "put", "people", "@ada.json")
	p.must(t, "docs", "put", "people", `{"name":"Alan","born":1912}`)
	p.fails(t, exitFailed, "DATA: must be an object", "docs", "put", "people", `[1]`)
	if got := p.must(t, "docs", "get", "people", ada.ID); !strings.Contains(got, `"born": 1815`) {
		t.Errorf("get prints %q", got)
	}
	found := decode[[]wire.Document](t, p, "docs", "list", "people", "--filter", `{"born":{"$gt":1900}}`, "--sort", `{"born":-1}`)
	if len(found) != 1 || !strings.Contains(string(found[0].Data), "Alan") {
		t.Errorf("found %+v", found)
	}
	p.fails(t, exitFailed, "$near", "docs", "list", "people", "--filter", `{"born":{"$near":1900}}`)
	if got := p.must(t, "docs", "put", "people", `{"name":"Ada L."}`, "--id", ada.ID); got != "Document "+ada.ID+" written (version 2).\n" {
		t.Errorf("put prints %q", got)
	}
	p.must(t, "docs", "export", "people", "people.jsonl")
	p.must(t, "docs", "delete", "--yes", "people", ada.ID)
	p.fails(t, exitFailed, "document not found", "docs", "get", "people", ada.ID)
	if got := p.must(t, "docs", "import", "people", "people.jsonl"); got != "2 imported.\n" {
		t.Errorf("import prints %q", got)
	}
	if got := p.must(t, "docs", "get", "people", ada.ID); !strings.Contains(got, "Ada L.") {
		t.Errorf("after the import: %q", got)
	}
	if got := decode[[]wire.DocsCollection](t, p, "docs", "collections"); len(got) != 1 || got[0] != (wire.DocsCollection{Name: "people", Documents: 2}) {
		t.Errorf("collections = %+v", got)
	}
}

func TestFilesCommands(t *testing.T) {
	p, _ := loggedIn(t)
	picture := string(bytes.Repeat([]byte("\x89PNG\x00\xff"), 100_000))
	p.write(t, "picture.png", picture)
	put := func(args ...string) wire.File {
		t.Helper()
		return decode[wire.File](t, p, append([]string{"files", "put", "pictures"}, args...)...)
	}
	file := put("picture.png")
	if file.Name != "picture.png" || file.ContentType != "image/png" || file.Size != int64(len(picture)) {
		t.Errorf("file = %+v", file)
	}
	same := put("picture.png", "--content-type", "application/x-other")
	p.must(t, "files", "get", "pictures", file.ID, "--to", "copy.png")
	if p.read(t, "copy.png") != picture {
		t.Error("what was downloaded is not what was uploaded")
	}
	if got := p.must(t, "files", "get", "pictures", file.ID, "--to", "-"); got != picture {
		t.Error("what standard output got is not what was uploaded")
	}
	p.fails(t, exitFailed, "picture.png is there already", "files", "get", "pictures", file.ID)
	if r := p.run(t, "from stdin", "files", "put", "pictures", "-", "--name", "note.txt"); r.status != exitOK {
		t.Error(r)
	}
	p.fails(t, exitUsage, "use --name", "files", "put", "pictures", "-")
	p.fails(t, exitFailed, "name: ", "files", "put", "pictures", "picture.png", "--name", "a/b")

	// A directory out, and in again.
	p.must(t, "files", "export", "pictures", "out")
	for name, want := range map[string]string{"picture.png": picture, same.ID: picture, "note.txt": "from stdin"} {
		if p.read(t, "out/"+name) != want {
			t.Errorf("out/%s is not what was uploaded", name)
		}
	}
	p.fails(t, exitFailed, "out is not empty", "files", "export", "pictures", "out")
	p.write(t, "out/.hidden", "x")
	p.write(t, "out/more.html", "<p>")
	if got := p.must(t, "files", "import", "copies", "out"); got != "4 imported.\n" {
		t.Errorf("import prints %q", got)
	}
	types := map[string]int{}
	for _, copied := range decode[[]wire.File](t, p, "files", "list", "copies") {
		types[copied.Name+" "+copied.ContentType]++
	}
	for _, want := range []string{"picture.png image/png", "picture.png application/x-other", "note.txt text/plain; charset=utf-8", "more.html text/html; charset=utf-8"} {
		if types[want] != 1 {
			t.Errorf("no %s among the copies: %v", want, types)
		}
	}
	p.write(t, "smaller", "small")
	if got := put("smaller", "--id", file.ID); got.Name != "picture.png" || got.Size != 5 {
		t.Errorf("replaced: %+v", got)
	}
	p.must(t, "files", "delete", "--yes", "pictures", file.ID)
	p.fails(t, exitFailed, "file not found", "files", "get", "pictures", file.ID, "--to", "x")
	var collections []wire.FilesCollection
	if err := json.Unmarshal([]byte(p.must(t, "files", "collections", "-o", "json")), &collections); err != nil || len(collections) != 2 {
		t.Errorf("collections = %+v, %v", collections, err)
	}
}
