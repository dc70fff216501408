package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/archive/pack"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store/eachtest"
)

// An entry is one of an archive that is made by hand.
type entry struct {
	name, content string
	change        func(*tar.Header)
}

const manifest = `{"format":2,"server":"test","exported_at":"2026-01-02T03:04:05Z","app":{"slug":"shop","name":"Shop","quota":{}}}`

// byHand makes an archive of the manifest and these entries, with a right end unless there is one.
func byHand(t testing.TB, entries ...entry) []byte {
	t.Helper()
	if len(entries) == 0 || entries[0].name != manifestName {
		entries = append([]entry{{name: manifestName, content: manifest}}, entries...)
	}
	sum, rows, ended := sha256.New(), map[string]int{}, false
	for _, e := range entries {
		if ended = ended || e.name == endName; ended {
			break
		}
		fmt.Fprintf(sum, "%s %d %s\n", sumOf(e.content), len(e.content), e.name)
		if kind, _, isRows := strings.Cut(e.name, "/"); isRows && strings.HasSuffix(e.name, rowsSuffix) {
			rows[kind] += strings.Count(e.content, "\n")
		}
	}
	if !ended {
		end, err := encode(struct {
			Rows   map[string]int `json:"rows"`
			SHA256 string         `json:"sha256"`
		}{rows, hex.EncodeToString(sum.Sum(nil))})
		require.NoError(t, err)
		entries = append(entries, entry{name: endName, content: string(end)})
	}
	var out bytes.Buffer
	compressed, err := zstd.NewWriter(&out, zstd.WithWindowSize(pack.Window))
	require.NoError(t, err)
	w := tar.NewWriter(compressed)
	for _, e := range entries {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.content)), Mode: 0o600}
		if e.change != nil {
			e.change(head)
		}
		require.NoError(t, w.WriteHeader(head))
		if head.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, e.content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	require.NoError(t, compressed.Close())
	return out.Bytes()
}

// rows is an entry of lines.
func rows(kind string, lines ...string) entry {
	return entry{name: kind + "/00000001.jsonl", content: strings.Join(lines, "\n") + "\n"}
}

func kvLine(key, value string) string {
	return fmt.Sprintf(`{"collection":"c","key":%s,"value":%s}`, key, value)
}

func docLine(id, data string) string {
	return fmt.Sprintf(`{"collection":"c","id":%q,"version":1,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","value":%s}`, id, data)
}

func fileLine(name, sha256 string, size int) string {
	return fmt.Sprintf(`{"collection":"c","id":%q,"name":%q,"content_type":"text/plain","size":%d,"sha256":%q,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`, someID, name, size, sha256)
}

const (
	someID  = "0198c7a0-0000-7000-8000-000000000001"
	script  = `{"name":"main","kind":"endpoint","source":"1","limits":{}}`
	retry   = `"retry":{"max_attempts":3,"backoff":"linear","base_ms":10,"max_ms":1000,"jitter":0},"concurrency":1`
	trigger = `{"name":"t","kind":"queue","script":"main","enabled":true,` + retry + `,"queue":{"topic":"t","max_batch":1,"max_wait_ms":0}}`
)

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Whatever is wrong with an archive is told, and there is nothing of it.
func TestHostileArchives(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	host := `{"host":"` + strings.Repeat("x", 12<<20) + `"}` + "\n"
	damaged := func(collection, id string) string {
		row := strings.Replace(fileLine("f", sumOf("x"), 1), `"size"`, `"damaged":true,"size"`, 1)
		return strings.NewReplacer(`"collection":"c"`, `"collection":"`+collection+`"`, someID, id).Replace(row)
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	cases := []struct {
		name    string
		entries []entry
		says    string
	}{
		{"an older format", []entry{{name: manifestName, content: strings.Replace(manifest, `"format":2`, `"format":1`, 1)}}, "is of the format 1, and this server reads 2 to 2"},
		{"a newer format", []entry{{name: manifestName, content: `{"format":3,"of":"which nothing is known"}`}}, "is of the format 3, and this server reads 2 to 2"},
		{"no manifest", []entry{{name: manifestName, content: `[]`}}, "manifest.json"},
		{"an unknown setting", []entry{{name: manifestName, content: strings.Replace(manifest, `"quota"`, `"more":1,"quota"`, 1)}}, "more"},
		{"a name with control characters", []entry{{name: manifestName, content: strings.Replace(manifest, `Shop`, `a\u0007b`, 1)}}, "control character"},
		{"a quota below zero", []entry{{name: manifestName, content: strings.Replace(manifest, `"quota":{}`, `"quota":{"kv_bytes":-1}`, 1)}}, "kv_bytes: must be between 0"},
		{"a policy of no origin", []entry{{name: manifestName, content: strings.Replace(manifest, `"quota"`, `"cors":{"origins":["nonsense"]},"quota"`, 1)}}, "origin"},

		{"an unknown entry", []entry{{name: "extra.txt", content: "x"}}, `unknown entry "extra.txt"`},
		{"a path out of it", []entry{{name: "../../etc/passwd", content: "x"}}, "unknown entry"},
		{"a path within a kind", []entry{{name: "kv/../00000001.jsonl", content: "x"}}, "unknown entry"},
		{"bytes of what has none", []entry{rows(kindKV, kvLine(`"a"`, "1")), {name: "kv/00000001.bin", content: "x"}}, "unknown entry"},
		{"a link", []entry{{name: "kv/00000001.jsonl", change: func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd" }}}, "no plain file"},
		{"a directory", []entry{{name: "kv/", change: func(h *tar.Header) { h.Typeflag = tar.TypeDir }}}, "no plain file"},
		{"a note beside an entry", []entry{{name: "kv/00000001.jsonl", content: kvLine(`"a"`, "1") + "\n", change: func(h *tar.Header) {
			h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"VENDOR.note": "x"}
		}}}, "VENDOR.note"},
		{"kinds in another order", []entry{rows(kindDoc, docLine(someID, "{}")), rows(kindKV, kvLine(`"a"`, "1"))}, "out of its order"},
		{"entries in another order", []entry{rows(kindKV, kvLine(`"a"`, "1")), {name: "kv/00000003.jsonl", content: kvLine(`"b"`, "1") + "\n"}}, "out of its order"},
		{"an entry twice", []entry{rows(kindKV, kvLine(`"a"`, "1")), rows(kindKV, kvLine(`"b"`, "1"))}, "out of its order"},
		{"an entry of nothing", []entry{{name: "kv/00000001.jsonl"}}, "without rows"},
		{"a line that does not end", []entry{{name: "kv/00000001.jsonl", content: kvLine(`"a"`, "1")}}, "does not end its line"},
		{"too many rows for an entry", []entry{{name: "kv/00000001.jsonl", content: strings.Repeat(" ", maxRows+1)}}, "at most 16777216"},
		{"an entry after the end", []entry{{name: endName, content: `{"rows":{},"sha256":"` + sumOf(fmt.Sprintf("%s %d %s\n", sumOf(manifest), len(manifest), manifestName)) + `"}`}, rows(kindKV, kvLine(`"a"`, "1"))}, "goes on after its end"},
		{"another checksum", []entry{rows(kindKV, kvLine(`"a"`, "1")), {name: endName, content: `{"rows":{"kv":1},"sha256":"` + sumOf("x") + `"}`}}, "another checksum"},
		{"another number of rows", []entry{rows(kindKV, kvLine(`"a"`, "1")), {name: endName, content: `{"rows":{"kv":2},"sha256":"` + sumOf("x") + `"}`}}, "other rows than its end says"},

		{"a row that is no JSON", []entry{rows(kindKV, "{")}, "kv/00000001.jsonl, row 1: it is no JSON"},
		{"a row of another kind", []entry{rows(kindKV, docLine(someID, "{}"))}, "row 1"},
		{"a row that is no UTF-8", []entry{rows(kindKV, kvLine(`"a"`, "1"), kvLine("\"\xff\"", "1"))}, "kv/00000001.jsonl, row 2"},
		{"a number for a text", []entry{rows(kindKV, kvLine("1", "1"))}, "/key"},
		{"a key with control characters", []entry{rows(kindKV, kvLine(`"a\u0000"`, "1"))}, "key: must not contain control characters"},
		{"a key twice", []entry{rows(kindKV, kvLine(`"a"`, "1"), kvLine(`"b"`, "1"), kvLine(`"a"`, "2"))}, `row 3: key: "a" is there twice`},
		{"a value of 2 MiB", []entry{rows(kindKV, kvLine(`"a"`, `"`+long+`"`))}, "value: must be at most 1048576 bytes"},
		{"a value that is deep", []entry{rows(kindKV, kvLine(`"a"`, deep))}, "row 1"},
		{"no value", []entry{rows(kindKV, `{"collection":"c","key":"k"}`)}, "row 1"},
		{"an expiry out of the world", []entry{rows(kindKV, `{"collection":"c","key":"k","value":1,"expires_at":"0001-01-01T00:00:00Z"}`)}, "expires_at"},
		{"a document of 2 MiB", []entry{rows(kindDoc, docLine(someID, `{"a":"`+long+`"}`))}, "data: must be at most 1048576 bytes"},
		{"a document that is deep", []entry{rows(kindDoc, docLine(someID, `{"a":`+deep+`}`))}, "row 1"},
		{"a document that is no map", []entry{rows(kindDoc, docLine(someID, `[]`))}, "data: must be a map"},
		{"a document twice", []entry{rows(kindDoc, docLine(someID, "{}"), docLine(someID, "{}"))}, "row 2: document id"},
		{"an id that is none", []entry{rows(kindDoc, docLine("x", "{}"))}, "id: must be a UUID"},
		{"a version below one", []entry{rows(kindDoc, strings.Replace(docLine(someID, "{}"), `"version":1`, `"version":0`, 1))}, "version: must be at least 1"},
		{"a time out of the world", []entry{rows(kindDoc, strings.Replace(docLine(someID, "{}"), "2026", "0001", 1))}, "created_at"},

		{"a file without bytes", []entry{rows(kindFile, fileLine("f", sumOf("x"), 1))}, "its bytes must follow in files/00000001.bin"},
		{"a file that is not the last of its entry", []entry{rows(kindFile, fileLine("f", sumOf("x"), 1), fileLine("g", sumOf("x"), 1)), {name: "files/00000001.bin", content: "x"}}, "must be the last"},
		{"a file of another size", []entry{rows(kindFile, fileLine("f", sumOf("x"), 2)), {name: "files/00000001.bin", content: "x"}}, "size: is 2, and there are 1 bytes"},
		{"a file of less than nothing", []entry{rows(kindFile, fileLine("f", sumOf("x"), -1)), {name: "files/00000001.bin", content: "x"}}, "size: is -1"},
		{"a file of other bytes", []entry{rows(kindFile, fileLine("f", sumOf("y"), 1)), {name: "files/00000001.bin", content: "x"}}, "sha256: must be that of the bytes"},
		{"a file that leads elsewhere", []entry{rows(kindFile, fileLine("../f", sumOf("x"), 1)), {name: "files/00000001.bin", content: "x"}}, "name:"},
		{"a file that is too large", []entry{rows(kindFile, fileLine("f", sumOf("x"), maxFile+1)), {name: "files/00000001.bin", content: strings.Repeat("x", maxFile+1)}}, "data: must be at most"},

		{"a damaged file of much to be told", []entry{rows(kindFile, damaged(long, someID))}, "collection:"},
		{"a damaged file with an id that is none", []entry{rows(kindFile, damaged("c", long))}, "id: must be a UUID"},

		{"a script twice", []entry{rows(kindScript, script, script)}, `row 2: script name "main" is already in use`},
		{"a script that does not compile", []entry{rows(kindScript, strings.Replace(script, `"1"`, `"let"`, 1))}, "scripts/00000001.jsonl, row 1"},
		{"a script that imports what comes later", []entry{rows(kindScript, strings.Replace(script, `"1"`, `"import \"later\" as l;"`, 1))}, "later"},
		{"a script with a name that is none", []entry{rows(kindScript, strings.Replace(script, `main`, `a/../b`, 1))}, "name: must be a letter"},
		{"a script of an unknown kind", []entry{rows(kindScript, strings.Replace(script, `endpoint`, `server`, 1))}, "kind: must be one of"},
		{"a site among scripts", []entry{rows(kindScript, strings.Replace(script, `endpoint`, `static`, 1))}, "kind: must be one of"},
		{"a limit beyond the ceiling", []entry{rows(kindScript, strings.Replace(script, `"limits":{}`, `"limits":{"memory_mb":100000}`, 1))}, "memory_mb"},
		{"a plugin without a module", []entry{rows(kindScript, strings.Replace(script, `"endpoint","source":"1"`, `"plugin"`, 1))}, "wasm: must be there"},
		{"a plugin that is too large", []entry{rows(kindScript, strings.Replace(script, `"endpoint","source":"1"`, `"plugin","wasm":{"size":2000000,"sha256":""}`, 1))}, "wasm.size: must be at most 1048576"},
		{"a plugin of other bytes", []entry{rows(kindScript, strings.Replace(script, `"endpoint","source":"1"`, `"plugin","wasm":{"size":1,"sha256":""}`, 1)), {name: "scripts/00000001.bin", content: "x"}}, "wasm.sha256: must be that of the bytes"},
		{"a site of files that are not there", []entry{rows(kindSite, `{"name":"pages","kind":"static","source":"{\"files\":{\"index.html\":\"`+someID+`\"}}","limits":{}}`)}, "there is no " + someID},

		{"a route to no script", []entry{rows(kindRoute, `{"script":"main","path":"/x","dispatch":"sync"}`)}, "routes/00000001.jsonl, row 1: script: must be a script of the archive"},
		{"a route of another method", []entry{rows(kindScript, script), rows(kindRoute, `{"script":"main","method":"BREW","path":"/x","dispatch":"sync"}`)}, "BREW"},
		{"a route of ours", []entry{rows(kindScript, script), rows(kindRoute, `{"script":"main","path":"/api/x","dispatch":"sync"}`)}, "path"},
		{"routes in one another's way", []entry{rows(kindScript, script), rows(kindRoute, `{"script":"main","path":"/u/:id","dispatch":"sync"}`, `{"script":"main","path":"/u/:name","dispatch":"sync"}`)}, "could match the same requests"},
		{"a route to a module", []entry{rows(kindScript, `{"name":"main","kind":"module","source":"const A = 1;","limits":{}}`), rows(kindRoute, `{"script":"main","path":"/x","dispatch":"sync"}`)}, "is a module"},
		{"a trigger of no script", []entry{rows(kindTrigger, trigger)}, "script: must be a script of the archive"},
		{"a trigger twice", []entry{rows(kindScript, script), rows(kindTrigger, trigger, strings.Replace(trigger, `"topic":"t"`, `"topic":"u"`, 1))}, "already in use"},
		{"a topic with two consumers", []entry{rows(kindScript, script), rows(kindTrigger, trigger, strings.Replace(trigger, `"name":"t"`, `"name":"u"`, 1))}, "already in use"},
		{"a trigger without details", []entry{rows(kindScript, script), rows(kindTrigger, `{"name":"t","kind":"cron","script":"main","enabled":true,`+retry+`}`)}, "needs its details"},
		{"a trigger with those of another", []entry{rows(kindScript, script), rows(kindTrigger, strings.Replace(trigger, `"queue","script"`, `"cron","script"`, 1))}, "needs its details"},
		{"a schedule that is none", []entry{rows(kindScript, script), rows(kindTrigger, `{"name":"t","kind":"cron","script":"main","enabled":true,`+retry+`,"cron":{"schedule":"soon","timezone":"UTC","catch_up":"once"}}`)}, "schedule"},
		{"a failure of no trigger", []entry{rows(kindScript, script), rows(kindTrigger, `{"name":"t","kind":"dead_letter","script":"main","enabled":true,`+retry+`,"dead_letter":{"trigger":"x"}}`)}, "dead_letter.trigger"},
		{"a pause that overflows", []entry{rows(kindScript, script), rows(kindTrigger, strings.Replace(trigger, `"base_ms":10`, `"base_ms":9223372036854775807`, 1))}, "retry.base_ms"},
		{"a topic with control characters", []entry{rows(kindTopic, `{"name":"a\u0001","access":"public"}`)}, "topic"},
		{"an index on nothing", []entry{rows(kindIndex, `{"collection":"c","path":""}`)}, "empty key"},
		{"an index on the document itself", []entry{rows(kindIndex, `{"collection":"c","path":"version"}`)}, "of the document itself"},
		{"nine indexes", []entry{rows(kindIndex, indexes(9)...)}, "may have 8 indexes"},
		{"a topic for whom it may concern", []entry{rows(kindTopic, `{"name":"a","access":"some"}`)}, "access"},
		{"hosts that take memory", []entry{
			{name: "domains/00000001.jsonl", content: host}, {name: "domains/00000002.jsonl", content: host}, {name: "domains/00000003.jsonl", content: host},
		}, "domains/00000003.jsonl, row 1: with it there are more than 33554432 bytes of"},
		{"a host that is none", []entry{rows(kindDomain, `{"host":"a b"}`)}, "host"},
		{"a role that is none", []entry{rows(kindMember, `{"username":"importer","role":"king"}`)}, "role"},
		{"a secret with its value", []entry{rows(kindSecret, `{"name":"a","value":"x"}`)}, "secrets/00000001.jsonl, row 1"},
		{"a secret with a name that is none", []entry{rows(kindSecret, `{"name":"-a"}`)}, "name"},
	}
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		into := n.into(t, "shop")
		report, err := n.Import(t.Context(), into, bytes.NewReader(byHand(t,
			rows(kindScript, script), rows(kindKV, kvLine(`"a"`, "1")), rows(kindDoc, docLine(someID, "{}")),
			rows(kindFile, fileLine("f", sumOf("x"), 1)), entry{name: "files/00000001.bin", content: "x"}, rows(kindTrigger, trigger),
		)))
		require.NoError(t, err, "what the others are made of is right")
		require.NoError(t, n.catalog.DeleteApp(t.Context(), report.App.ID))
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				report, err := n.Import(t.Context(), into, bytes.NewReader(byHand(t, c.entries...)))
				if err == nil { // which the next ones do not suffer from
					require.NoError(t, n.catalog.DeleteApp(t.Context(), report.App.ID))
				}
				require.Error(t, err)
				assert.Contains(t, err.Error(), c.says)
				assert.Less(t, len(err.Error()), 1000)
				code := fault.Of(err)
				assert.Contains(t, []fault.Code{fault.Invalid, fault.TooLarge, fault.ScriptInvalid, fault.Quota}, code, "%v", err)
				n.nothing(t, "shop")
			})
		}
		t.Run("no archive", func(t *testing.T) {
			for _, text := range []string{"", "x", "PK\x03\x04 a zip", strings.Repeat("\x00", 2000)} {
				_, err := n.Import(t.Context(), into, strings.NewReader(text))
				require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
			}
			n.nothing(t, "shop")
		})
		t.Run("a slug that is none", func(t *testing.T) {
			for _, slug := range []string{"", "A", "a_b", "-a", "a-", someID, strings.Repeat("a", 64)} {
				_, err := n.Import(t.Context(), n.into(t, slug), bytes.NewReader(byHand(t)))
				require.Equal(t, fault.Invalid, fault.Of(err), "%q: %v", slug, err)
			}
		})
	})
}

// readAll reads an archive to its end, which is io.EOF when it is whole.
func readAll(from io.Reader, most int64) error {
	r, err := newReader(from, most)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		kind, row, err := r.next()
		if err != nil {
			return err
		}
		var file fileRow
		if kind == kindFile && decode(row, &file) == nil {
			from, err := r.bytes(file.Size)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, from); err != nil {
				return err
			}
		}
	}
}

func small(t testing.TB) []byte {
	return byHand(t,
		rows(kindScript, script), rows(kindKV, kvLine(`"a"`, "1"), kvLine(`"b"`, `"two"`)), rows(kindDoc, docLine(someID, "{}")),
		rows(kindFile, fileLine("f", sumOf("some bytes"), 10)), entry{name: "files/00000001.bin", content: "some bytes"}, rows(kindTrigger, trigger),
	)
}

// Cut at any byte, or followed by others, an archive is none.
func TestCutArchives(t *testing.T) {
	whole := small(t)
	require.Equal(t, io.EOF, readAll(bytes.NewReader(whole), maxArchive))
	for n := range whole {
		err := readAll(bytes.NewReader(whole[:n]), maxArchive)
		require.Equal(t, fault.Invalid, fault.Of(err), "%d of %d bytes: %v", n, len(whole), err)
	}
	for _, more := range []string{"x", "\x00", strings.Repeat("garbage", 100), string(whole)} {
		err := readAll(bytes.NewReader(append(bytes.Clone(whole), more...)), maxArchive)
		require.Equal(t, fault.Invalid, fault.Of(err), "%.20q: %v", more, err)
	}
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		for cut := 1; cut < len(whole); cut += len(whole)/20 + 1 {
			_, err := n.Import(t.Context(), n.into(t, "shop"), bytes.NewReader(whole[:cut]))
			require.Equal(t, fault.Invalid, fault.Of(err), "%d of %d bytes: %v", cut, len(whole), err)
			n.nothing(t, "shop")
		}
	})
}

// With any bit turned an archive is refused, or, where the bit means nothing, the same.
func TestTurnedBits(t *testing.T) {
	whole := small(t)
	for i := range whole {
		for bit := range 8 {
			turned := bytes.Clone(whole)
			turned[i] ^= 1 << bit
			if err := readAll(bytes.NewReader(turned), maxArchive); err != io.EOF {
				require.Equal(t, fault.Invalid, fault.Of(err), "bit %d of byte %d: %v", bit, i, err)
				continue
			}
			require.Equal(t, unpacked(t, whole), unpacked(t, turned), "bit %d of byte %d", bit, i)
		}
	}
}

// Little that unpacks to much is refused before it is much.
func TestBombs(t *testing.T) {
	var out bytes.Buffer
	compressed, err := zstd.NewWriter(&out, zstd.WithWindowSize(pack.Window))
	require.NoError(t, err)
	w := tar.NewWriter(compressed)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: manifestName, Size: int64(len(manifest)), Mode: 0o600}))
	_, err = io.WriteString(w, manifest)
	require.NoError(t, err)
	const size = 256 << 20
	row := fileLine("f", "", size) + "\n"
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "files/00000001.jsonl", Size: int64(len(row)), Mode: 0o600}))
	_, err = io.WriteString(w, row)
	require.NoError(t, err)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "files/00000001.bin", Size: size, Mode: 0o600}))
	for range size >> 20 {
		_, err = w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, compressed.Close())
	require.Less(t, out.Len(), 1<<20)
	err = readAll(bytes.NewReader(out.Bytes()), maxArchive)
	require.Equal(t, fault.TooLarge, fault.Of(err), "%v", err)
	assert.EqualError(t, err, "archive: must have at most 67108864 bytes when it is unpacked")

	t.Run("a window that takes memory", func(t *testing.T) {
		var out bytes.Buffer
		compressed, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20))
		require.NoError(t, err)
		_, err = compressed.Write(make([]byte, 10<<20))
		require.NoError(t, err)
		require.NoError(t, compressed.Flush())
		require.NoError(t, compressed.Close())
		err = readAll(bytes.NewReader(out.Bytes()), maxArchive)
		require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
		assert.Contains(t, err.Error(), "more memory")
	})
}

// An error of who sends an archive is theirs, not the archive's.
func TestBrokenSenders(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		gone := fault.New(fault.Unavailable, "the line is dead")
		whole := small(t)
		_, err := n.Import(t.Context(), n.into(t, "shop"), io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), broken{gone}))
		require.Equal(t, gone, err)
		n.nothing(t, "shop")

		// Nor are there bytes of the files that had come.
		_, err = n.Import(t.Context(), n.into(t, "shop"), bytes.NewReader(byHand(t,
			rows(kindFile, fileLine("f", sumOf("x"), 1)), entry{name: "files/00000001.bin", content: "x"}, rows(kindRoute, `{"script":"none","path":"/x","dispatch":"sync"}`),
		)))
		require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
		n.nothing(t, "shop")
		blobs, err := filepath.Glob(filepath.Join(n.root, "[0-9a-f][0-9a-f]", "*", "*"))
		require.NoError(t, err)
		require.Empty(t, blobs)
	})
}

type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }

// No archive makes the reader do anything but read it or refuse it.
func FuzzReader(f *testing.F) {
	unzip := func(t testing.TB, archive []byte) []byte {
		r, err := zstd.NewReader(bytes.NewReader(archive))
		require.NoError(t, err)
		defer r.Close()
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		return text
	}
	f.Add(unzip(f, small(f)))
	f.Add(unzip(f, byHand(f)))
	f.Add(unzip(f, byHand(f, entry{name: "kv/00000001.jsonl", content: "{}\n{}\n"})))
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		const most = 1 << 20
		err := readAll(bytes.NewReader(encoder.EncodeAll(text, nil)), most)
		if err == io.EOF || fault.Of(err) == fault.TooLarge && len(text) > most {
			return
		}
		require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
		require.NotNil(t, fault.From(err))
		require.Equal(t, "archive", fault.From(err).Field)
	})
}

// indexes are rows of n indexes of one collection.
func indexes(n int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf(`{"collection":"c","path":"p%d"}`, i))
	}
	return rows
}
