package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// keeping is a script that brings an item to its nth generation: it is made at
// the first, changed at those that follow, and deleted at every tenth. A counter
// is only added to.
const keeping = `
const NAME = ctx.request.query.name;
const N = parse_int(ctx.request.query.n);

fn value() { #{ name: global::NAME, n: global::N, again: #{ n: global::N } } }

fn last() { global::N % 10 == 0 }

switch ctx.request.query.kind {
    "kv" => {
        let c = kv::collection("items");
        if last() { c.delete(NAME); } else { c.set(NAME, value()); }
    }
    "counter" => { kv::collection("counters").incr("n", 1); }
    "docs" => {
        let c = docs::collection("items");
        let found = c.find_one(#{ name: NAME });
        if found == () { c.create(value()); } else if last() { c.delete(found.id); } else { c.update(found.id, value()); }
    }
    "files" => {
        let c = files::collection(NAME);
        let found = c.list();
        let data = ctx.request.body_raw;
        if found.is_empty() {
            c.create(#{ name: NAME, content_type: "text/plain", data: data });
        } else if last() {
            c.delete(found[0].id);
        } else {
            c.update(found[0].id, #{ data: data });
        }
    }
}
"kept"`

// life is how far an item has come: the generation that was acknowledged, and
// the one that was asked for last. A kill leaves it at either.
type life struct{ kept, tried int }

// lives are items of one writer by the name of their service.
type lives map[string]*life

// As TestKilledWhileDataIsWritten, with data that scripts write: what is changed
// and deleted over and over has come as far as was acknowledged or one step
// further, whole.
func TestKilledWhileDataIsWrittenByScripts(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		p := newPlace(t)
		d := launch(t, p, args...)
		token := d.login()
		d.deploy(token, "keep", keeping)
		writers := make([]lives, 6)
		for w := range writers {
			writers[w] = lives{"kv": {}, "counter": {}, "docs": {}, "files": {}}
		}
		further := 0
		for range killRounds(t) {
			var wait sync.WaitGroup
			for w, items := range writers {
				wait.Go(func() { items.writeByScript(t, d.url, fmt.Sprintf("writer-%d", w)) })
			}
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the moment is what is tested
			_ = d.end(syscall.SIGKILL)
			wait.Wait()

			d = launch(t, p, args...)
			c, err := client.New(d.url, token)
			require.NoError(t, err)
			further += checkLives(t, c, writers)
		}
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
		steps, left := 0, 0
		for _, items := range writers {
			for _, item := range items {
				steps += item.kept
			}
			if items["files"].kept%10 != 0 {
				left++
			}
		}
		t.Logf("%d steps are kept, %d of them without having been acknowledged", steps, further)
		sweepOrphans(t, p, args, left)
	})
}

// deploy makes a script of the app default that answers requests of any method
// at /name.
func (d *daemon) deploy(token, name, source string) {
	d.t.Helper()
	encoded, err := json.Marshal(wire.ScriptCreate{Name: name, Source: source})
	require.NoError(d.t, err)
	status, body := d.fetch("POST", "/api/v1/admin/apps/default/scripts", token, string(encoded))
	require.Equal(d.t, 201, status, "%s", body)
	var script wire.Script
	require.NoError(d.t, json.Unmarshal(body, &script))
	status, body = d.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", token, fmt.Sprintf(`{"path":"/%s"}`, name))
	require.Equal(d.t, 201, status, "%s", body)
}

// writeByScript takes each item a generation further, in turn, until the server
// is gone.
func (l lives) writeByScript(t *testing.T, address, name string) {
	for {
		for kind, item := range l {
			item.tried = item.kept + 1
			query := url.Values{"kind": {kind}, "name": {name}, "n": {fmt.Sprint(item.tried)}}
			resp, err := http.Post(address+"/keep?"+query.Encode(), "text/plain", strings.NewReader(contentOf(name, item.tried)))
			if err != nil {
				return
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return
			}
			if string(body) != "kept" {
				t.Errorf("generation %d of %s, %s: status %d, %s", item.tried, name, kind, resp.StatusCode, body)
				return
			}
			item.kept = item.tried
		}
	}
}

// contentOf is what a file has at a generation: up to 300 KiB, different at each.
func contentOf(name string, n int) string {
	line := fmt.Sprintf("%s at %d\n", name, n)
	return strings.Repeat(line, 1+n*7919%(300<<10/len(line)))
}

// checkLives compares what the server has with what it acknowledged, and takes
// every item to where it is. It returns how many steps were done and not
// acknowledged.
func checkLives(t *testing.T, c *client.Client, writers []lives) (further int) {
	t.Helper()
	ctx := t.Context()
	type value struct {
		Name  string
		N     int
		Again struct{ N int }
	}
	found := map[string]map[string]int{"kv": {}, "docs": {}, "files": {}} // generations by kind and name
	read := func(kind string, data json.RawMessage) value {
		var v value
		require.NoError(t, json.Unmarshal(data, &v), "%s", data)
		require.Equal(t, v.N, v.Again.N, "%s", data)
		require.NotContains(t, found[kind], v.Name, "there are two")
		found[kind][v.Name] = v.N
		return v
	}
	for entry, err := range c.KV(ctx, "default", "items", "") {
		require.NoError(t, err)
		require.Equal(t, entry.Key, read("kv", entry.Value).Name)
	}
	for doc, err := range c.Docs(ctx, "default", "items", "", "") {
		require.NoError(t, err)
		v := read("docs", doc.Data)
		require.EqualValues(t, v.N%10, doc.Version, "the version of %s", doc.Data)
	}
	for w := range writers {
		name := fmt.Sprintf("writer-%d", w)
		for file, err := range c.Files(ctx, "default", name) {
			require.NoError(t, err)
			require.NotContains(t, found["files"], name, "there are two")
			body, err := c.DownloadFile(ctx, "default", name, file.ID) // which verifies the checksum
			require.NoError(t, err)
			content, err := io.ReadAll(body)
			body.Close()
			require.NoError(t, err)
			var n int
			_, err = fmt.Sscanf(string(content), name+" at %d\n", &n)
			require.NoError(t, err, "%.100s", content)
			require.True(t, contentOf(name, n) == string(content), "file %s of generation %d is not whole", file.ID, n)
			found["files"][name] = n
		}
	}
	var kept, tried, counter int
	for w, items := range writers {
		name := fmt.Sprintf("writer-%d", w)
		for kind, item := range items {
			before := item.kept
			if kind == "counter" {
				kept, tried = kept+item.kept, tried+item.tried
				continue
			}
			n, there := found[kind][name]
			switch {
			case there && (n == item.kept || n == item.tried):
				item.kept = n
			case !there && item.kept%10 == 0:
			case !there && item.tried%10 == 0:
				item.kept = item.tried
			default:
				t.Fatalf("%s of %s is at %d (there: %v); %d was acknowledged and %d asked for", kind, name, n, there, item.kept, item.tried)
			}
			further += item.kept - before
		}
	}
	entry, err := c.KVEntry(ctx, "default", "counters", "n")
	if !client.HasStatus(err, http.StatusNotFound) {
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(entry.Value, &counter))
	}
	require.GreaterOrEqual(t, counter, kept, "what was acknowledged has been counted")
	require.LessOrEqual(t, counter, tried, "nothing was counted twice")
	// Whose steps those were that were not acknowledged does not matter.
	for _, items := range writers {
		item := items["counter"]
		if item.tried > item.kept && kept < counter {
			item.kept, kept, further = item.tried, kept+1, further+1
		}
		item.tried = item.kept
	}
	return further
}
