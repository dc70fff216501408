// Package archive writes a whole app as one stream of bytes, and makes an app of it: on this server, or
// on another with another database.
//
// # The format
//
// An archive is a [pack.Writer]'s pack, so that `tar --zstd` lists and unpacks it. Its entries come in this
// order:
//
//	manifest.json           a [Manifest]: the version of the format, and the app's own settings
//	secrets/...             the names of secrets, never values
//	scripts/...             scripts, modules and plugins, each after those that it imports
//	kv/...  docs/...  files/...
//	sites/...               static sites, which are scripts that lead to files
//	domains/...  topics/...  indexes/...  members/...  routes/...  triggers/...
//	end.json                an [End]: how many rows of each kind there are, and a checksum
//
// Rows of a kind are lines of JSON in the entries KIND/00000001.jsonl, KIND/00000002.jsonl and so on, of
// which a reader has one in memory. A row that has bytes beside it, as a file and a plugin have, is the
// last of its entry, and the bytes follow in the entry of the same number that ends in .bin. Rows name
// scripts, triggers and users by their names: ids are an instance's own. Documents and files keep theirs,
// which are the app's own and which its data may refer to.
//
// A file whose bytes were damaged when it was exported has none: its row says so, and so does the end.
//
// The checksum is the sum of the pack. What has no end.json is not whole.
package archive

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// Format is the version of the format that is written. Older ones are read, but for the first: it had another
// checksum, and no release has written it.
const (
	Format       = 2
	oldestFormat = 2
)

// MediaType is that of an archive.
const MediaType = "application/zstd"

// Extension ends the name of an archive's file.
const Extension = ".picloud.tar.zst"

const (
	manifestName = "manifest.json"
	endName      = "end.json"
	rowsSuffix   = ".jsonl"
	bytesSuffix  = ".bin"

	// rowsPerEntry is how many bytes of rows an entry has before another begins, maxRows the most that a
	// reader takes: a row may be the source of a script, every byte of which has six in JSON.
	rowsPerEntry = 1 << 20
	maxRows      = 16 << 20
	maxObject    = 1 << 20 // of manifest.json and end.json
)

// The kinds of rows.
const (
	kindSecret  = "secrets"
	kindScript  = "scripts"
	kindKV      = "kv"
	kindDoc     = "docs"
	kindFile    = "files"
	kindSite    = "sites"
	kindDomain  = "domains"
	kindTopic   = "topics"
	kindIndex   = "indexes"
	kindMember  = "members"
	kindRoute   = "routes"
	kindTrigger = "triggers"
)

// kinds are all kinds in their order. Of what goes wrong most is found early: scripts that do not compile
// here come before gigabytes of data. What starts a script comes last.
var kinds = []string{
	kindSecret, kindScript, kindKV, kindDoc, kindFile, kindSite, kindDomain, kindTopic, kindIndex, kindMember, kindRoute, kindTrigger,
}

// Manifest is the first entry.
type Manifest struct {
	Format     int       `json:"format"`
	Server     string    `json:"server"` // version of who wrote it
	ExportedAt time.Time `json:"exported_at"`
	App        App       `json:"app"`
}

// App is an app's own settings.
type App struct {
	Slug         string      `json:"slug"`
	Name         string      `json:"name"`
	CORS         *store.CORS `json:"cors,omitempty"`
	EventsPaused bool        `json:"events_paused,omitempty"`
	Quota        store.Quota `json:"quota"` // what an administrator has set
}

// End is the last entry.
type End struct {
	Rows   map[string]int64 `json:"rows"` // by kind; a kind without rows may be absent
	SHA256 string           `json:"sha256"`
	// DamagedFiles is how many rows of files say that their bytes were damaged.
	DamagedFiles int64 `json:"damaged_files,omitempty"`
}

type secretRow struct {
	Name string `json:"name"`
}

type scriptRow struct {
	Name     string     `json:"name"`
	Kind     abi.Kind   `json:"kind"`
	Source   string     `json:"source,omitempty"`
	Limits   abi.Limits `json:"limits"`
	ReadOnly bool       `json:"read_only,omitempty"`
	Wasm     *wasm      `json:"wasm,omitempty"` // of a plugin: what its bytes are
	// Cases is a JSON array of what it is tried with. It is a text, as not every reader of JSON may take what is in an event.
	Cases string `json:"cases,omitempty"`
}

type wasm struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// content is JSON that is kept to the byte: as Value, or as Text where it cannot stand on a line or is
// not what every reader of JSON takes, as a map with a key twice.
type content struct {
	Value jsontext.Value `json:"value,omitempty"`
	Text  *string        `json:"text,omitempty"`
}

func (c content) json() json.RawMessage {
	if c.Text != nil {
		return json.RawMessage(*c.Text)
	}
	return json.RawMessage(c.Value)
}

type kvRow struct {
	Collection string     `json:"collection"`
	Key        string     `json:"key"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	content
}

type docRow struct {
	Collection string    `json:"collection"`
	ID         string    `json:"id"`
	Version    int64     `json:"version"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	content
}

type fileRow struct {
	Collection  string    `json:"collection"`
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Damaged     bool      `json:"damaged,omitempty"` // there are no bytes, which were not those that were stored
}

type domainRow struct {
	Host string `json:"host"`
}

type topicRow struct {
	Name   string            `json:"name"`
	Access store.TopicAccess `json:"access"`
}

// indexRow is an index of documents, which is built anew.
type indexRow struct {
	Collection string `json:"collection"`
	Path       string `json:"path"`
}

type memberRow struct {
	Username string        `json:"username"`
	Role     store.AppRole `json:"role"`
}

type routeRow struct {
	Script    string           `json:"script"`
	Method    string           `json:"method,omitempty"` // absent: any
	Host      string           `json:"host,omitempty"`   // absent: any
	Path      string           `json:"path"`
	Dispatch  store.Dispatch   `json:"dispatch"`
	CORS      *store.CORS      `json:"cors,omitempty"`
	Signature *store.Signature `json:"signature,omitempty"`
	RateLimit *store.RateLimit `json:"rate_limit,omitempty"`
}

type triggerRow struct {
	Name        string            `json:"name"`
	Kind        store.TriggerKind `json:"kind"`
	Script      string            `json:"script"`
	Enabled     bool              `json:"enabled"`
	Paused      bool              `json:"paused,omitempty"`
	Retry       retryRow          `json:"retry"`
	Concurrency int               `json:"concurrency"`

	Data       *dataRow       `json:"data,omitempty"` // of kv, docs and files
	Cron       *cronRow       `json:"cron,omitempty"`
	Queue      *queueRow      `json:"queue,omitempty"`
	PubSub     *pubsubRow     `json:"pubsub,omitempty"`
	DeadLetter *deadLetterRow `json:"dead_letter,omitempty"`
}

type retryRow struct {
	MaxAttempts int           `json:"max_attempts"`
	Backoff     store.Backoff `json:"backoff"`
	BaseMS      int64         `json:"base_ms"`
	MaxMS       int64         `json:"max_ms"`
	Jitter      float64       `json:"jitter"`
}

type dataRow struct {
	Collection string                  `json:"collection"`
	Operations []store.ChangeOperation `json:"operations,omitempty"`
	Filter     json.RawMessage         `json:"filter,omitempty"`
}

type cronRow struct {
	Schedule string        `json:"schedule"`
	Timezone string        `json:"timezone"`
	CatchUp  store.CatchUp `json:"catch_up"`
}

type queueRow struct {
	Topic     string `json:"topic"`
	MaxBatch  int    `json:"max_batch"`
	MaxWaitMS int64  `json:"max_wait_ms"`
	Ordered   bool   `json:"ordered,omitempty"`
}

type pubsubRow struct {
	Topic string `json:"topic"`
}

// deadLetterRow names a trigger and a script. What is gone has its id, so that the filter goes on to match
// nothing instead of all.
type deadLetterRow struct {
	Source    store.EventSource `json:"source,omitempty"`
	Trigger   string            `json:"trigger,omitempty"`
	TriggerID string            `json:"trigger_id,omitempty"`
	Script    string            `json:"script,omitempty"`
	ScriptID  string            `json:"script_id,omitempty"`
}

// hasBytes reports whether the rows of a kind may have bytes beside them.
func hasBytes(kind string) bool { return kind == kindScript || kind == kindFile }

// entryOf takes the name of an entry of rows or bytes apart. It is of a known kind, and nothing else.
func entryOf(name string) (kind int, number, suffix string, ok bool) {
	folder, file, _ := strings.Cut(name, "/")
	kind = slices.Index(kinds, folder)
	number, suffix = file[:min(8, len(file))], file[min(8, len(file)):]
	isNumber := len(number) == 8 && strings.Trim(number, "0123456789") == ""
	return kind, number, suffix, kind >= 0 && isNumber && (suffix == rowsSuffix || suffix == bytesSuffix && hasBytes(folder))
}
