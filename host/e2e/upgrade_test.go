package e2e

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // which registers itself

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
)

// upgradeWrite has TestUpgrade write what it reads, which is done once for a release, by its own program:
// see `make upgrade-data`.
const upgradeWrite = "PICLOUD_UPGRADE_WRITE"

// What was made before: backups of a server of the last release, one for each kind of database, and the API key
// that was made there.
const upgradeData = "testdata/upgrade"

var upgradeSecretKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

const upgradeSource = `
	import "words" as w;
	let before = kv::collection("settings").get("greeting");
	let found = docs::collection("people").find(#{city: "Oslo"}, #{sort: #{name: 1}});
	let file = files::collection("notes").list();
	#{ said: w::greet(before), people: found.map(|d| d.data.name), files: file.map(|f| f.name), secret: secrets::get("token").len() }`

// TestUpgrade: what the last release has written is brought to the present schema and used: people log in and
// keys count, scripts run and find their data, triggers fire, and what waited is delivered.
func TestUpgrade(t *testing.T) {
	for _, database := range eachtest.Kinds(t) {
		t.Run(database, func(t *testing.T) {
			p := newPlace(t)
			p.env = append(p.env, "PICLOUD_SECRET_KEY="+upgradeSecretKey)
			if database == eachtest.Postgres {
				p.env = append(p.env, "PICLOUD_DATABASE_URL="+pgtest.URL(t))
			}
			data, err := filepath.Abs(upgradeData)
			require.NoError(t, err)
			backup, keyFile := filepath.Join(data, database+".tar.zst"), filepath.Join(data, database+".key")
			if os.Getenv(upgradeWrite) != "" {
				writeUpgradeData(t, p, backup, keyFile)
				return
			}
			r := p.run(t, "", "restore", "--data", "old", backup)
			require.Equal(t, exitOK, r.status, r)
			require.NoError(t, os.Symlink(compiled, filepath.Join(p.dir, "old", "cache")))
			useUpgraded(t, launch(t, p, "--data", "old"), database)
		})
	}
}

// TestUpgradeInPlace: the data directory of the last release is opened as it is, without a backup.
func TestUpgradeInPlace(t *testing.T) {
	eachtest.SQLiteOnly(t, "a database of PostgreSQL is in no data directory")
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_SECRET_KEY="+upgradeSecretKey)
	old := filepath.Join(p.dir, "old")
	require.NoError(t, os.MkdirAll(filepath.Join(old, "files"), 0o700))
	require.NoError(t, os.Symlink(compiled, filepath.Join(old, "cache")))
	backup, err := os.Open(filepath.Join(upgradeData, "sqlite.tar.zst"))
	require.NoError(t, err)
	defer backup.Close()
	blobs, err := files.NewRefill(filepath.Join(old, "files"))
	require.NoError(t, err)
	_, _, err = archive.Read(backup, archive.Taker{
		Part: func(name string, from io.Reader) error { // the database, as it was
			text, err := io.ReadAll(from)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(old, name), text, 0o600)
		},
		File: func(blob string, size int64, from io.Reader) error { return blobs.Add(t.Context(), blob, size, from) },
	})
	require.NoError(t, err)
	require.NoError(t, blobs.Close())
	db, err := sql.Open("sqlite", filepath.Join(old, "picloud.db"))
	require.NoError(t, err)
	var mark string // of the directory of its files, which no backup has
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT mark FROM file_root").Scan(&mark))
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(filepath.Join(old, "files", "database"), []byte(mark), 0o600))
	useUpgraded(t, launch(t, p, "--data", "old"), "sqlite")
}

// useUpgraded uses what was written before, and ends the server.
func useUpgraded(t *testing.T, d *daemon, database string) {
	t.Helper()
	token := d.login()
	key, err := os.ReadFile(filepath.Join(upgradeData, database+".key"))
	require.NoError(t, err)
	status, answer := d.fetch("GET", "/api/v1/admin/apps/shop", strings.TrimSpace(string(key)), "")
	require.Equal(t, 200, status, "the key of before: %s", answer)
	status, answer = d.fetch("GET", "/tell", "", "")
	require.Equal(t, 200, status, "%s", answer)
	assert.JSONEq(t, `{"said":"hei, world","people":["Ada","Bo"],"files":["a.txt"],"secret":5}`, string(answer))
	status, answer = d.fetch("GET", "/hello?name=you", "", "")
	require.Equal(t, 200, status)
	assert.JSONEq(t, `{"message":"Hello, you!"}`, string(answer))

	var page wire.Page[wire.File]
	status, answer = d.fetch("GET", "/api/v1/admin/apps/shop/files/notes", token, "")
	require.Equal(t, 200, status)
	require.NoError(t, json.Unmarshal(answer, &page))
	require.Len(t, page.Items, 1)
	status, answer = d.fetch("GET", "/api/v1/admin/apps/shop/files/notes/"+page.Items[0].ID, token, "")
	require.Equal(t, 200, status)
	assert.Equal(t, "written before", string(answer))

	// What waited is delivered, once that is not paused any more, and what is written now is told.
	status, answer = d.fetch("PUT", "/api/v1/admin/apps/shop/kv/orders/2", token, `{"value":"now"}`)
	require.Equal(t, 200, status, "%s", answer)
	var triggers wire.Page[wire.Trigger]
	status, answer = d.fetch("GET", "/api/v1/admin/apps/shop/triggers", token, "")
	require.Equal(t, 200, status)
	require.NoError(t, json.Unmarshal(answer, &triggers))
	require.Len(t, triggers.Items, 1)
	status, answer = d.fetch("POST", "/api/v1/admin/triggers/"+triggers.Items[0].ID+":resume", token, "")
	require.Equal(t, 200, status, "%s", answer)
	for _, order := range []string{"1", "2"} {
		began := time.Now()
		for {
			if status, _ = d.fetch("GET", "/api/v1/admin/apps/shop/kv/seen/"+order, token, ""); status == 200 {
				break
			}
			require.Less(t, time.Since(began), patience, "the event of order %s is not delivered", order)
		}
	}

	var log wire.Page[wire.AuditEntry]
	status, answer = d.fetch("GET", "/api/v1/admin/audit?limit=100&app=shop", token, "")
	require.Equal(t, 200, status)
	require.NoError(t, json.Unmarshal(answer, &log))
	var recorded []string
	for _, entry := range log.Items {
		recorded = append(recorded, entry.Action)
	}
	assert.Equal(t, []string{
		"resume-trigger", "set-kv", // which the test has done; and all that was there before
		"set-kv", "pause-trigger", "create-kv-trigger", "create-domain", "set-quota", "set-topic", "set-secret", "upload-file",
		"create-doc", "create-doc", "create-doc", "set-kv", "create-route", "create-script", "create-script", "create-script", "create-app",
	}, recorded)
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.NotContains(t, d.output.String(), "level=ERROR")
}

// writeUpgradeData makes a server whose data the test of later releases uses.
func writeUpgradeData(t *testing.T, p *place, backup, keyFile string) {
	t.Helper()
	d := launch(t, p)
	token := d.login()
	do := func(method, path, body string, want int) []byte {
		t.Helper()
		status, answer := d.fetch(method, "/api/v1/admin/"+path, token, body)
		require.Equal(t, want, status, "%s %s: %s", method, path, answer)
		return answer
	}
	script := func(name, kind, source string) string {
		text, err := json.Marshal(map[string]string{"name": name, "kind": kind, "source": source})
		require.NoError(t, err)
		var made wire.Script
		require.NoError(t, json.Unmarshal(do("POST", "apps/shop/scripts", string(text), 201), &made))
		return made.ID
	}
	do("POST", "apps", `{"slug":"shop","name":"Shop"}`, 201)
	script("words", "module", `fn greet(word) { word + ", world" }`)
	tell := script("tell", "endpoint", upgradeSource)
	script("seen", "endpoint", `kv::collection("seen").set(ctx.event.kv.key, ctx.event.kv.value)`)
	do("POST", "scripts/"+tell+"/routes", `{"method":"GET","path":"/tell"}`, 201)
	do("PUT", "apps/shop/kv/settings/greeting", `{"value":"hei"}`, 200)
	for _, person := range []string{`{"name":"Bo","city":"Oslo"}`, `{"name":"Ada","city":"Oslo"}`, `{"name":"Cy","city":"Bergen"}`} {
		do("POST", "apps/shop/docs/people", `{"data":`+person+`}`, 201)
	}
	do("POST", "apps/shop/files/notes?name=a.txt", "written before", 201)
	do("PUT", "apps/shop/secrets/token", `{"value":"12345"}`, 200)
	do("PUT", "apps/shop/topics/news", `{"access":"public"}`, 200)
	do("PUT", "apps/shop/quota", `{"requests_per_second":1000}`, 200)
	do("POST", "apps/shop/domains", `{"host":"shop.example"}`, 201)
	do("POST", "users", `{"username":"ada","password":"another horse","role":"member"}`, 201)
	var trigger wire.Trigger
	require.NoError(t, json.Unmarshal(do("POST", "apps/shop/triggers/kv", `{"script":"seen","collection":"orders"}`, 201), &trigger))
	do("POST", "triggers/"+trigger.ID+":pause", "", 200)
	do("PUT", "apps/shop/kv/orders/1", `{"value":"before"}`, 200)
	var key wire.APIKey
	require.NoError(t, json.Unmarshal(do("POST", "me/keys", `{"name":"ci","scopes":["script:read"]}`, 201), &key))
	status, answer := d.fetch("GET", "/tell", "", "")
	require.Equal(t, 200, status, "%s", answer)

	require.NoError(t, os.MkdirAll(filepath.Dir(backup), 0o755))
	_ = os.Remove(backup)
	p.env = append(p.env, "PICLOUD_URL="+d.url, "PICLOUD_TOKEN="+token)
	p.must(t, "backup", backup)
	require.NoError(t, os.Chmod(backup, 0o644))
	require.NoError(t, os.WriteFile(keyFile, []byte(key.Key+"\n"), 0o644))
	require.NoError(t, d.end(syscall.SIGTERM))
}
