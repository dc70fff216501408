package archive

import (
	"cmp"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// DefaultMaxBytes is the most that an archive may have when it is unpacked: 16 GiB.
const DefaultMaxBytes = 16 << 30

// atOnce is how many exports, and how many imports, there may be at once on a node: each has up to 50 MiB
// of memory, and an export keeps a connection to the database for as long as its client takes.
const atOnce = 2

// longestExport is how long an export may take: as long as it lasts the database keeps what is replaced, of all apps.
const longestExport = time.Hour

// Config is what a [Service] is made of.
type Config struct {
	Store   store.Store
	Catalog *catalog.Catalog
	KV      *kv.Service
	Docs    *docs.Service
	Files   *files.Service

	MaxBytes       int64  // of an archive that is imported, when it is unpacked; 0: DefaultMaxBytes
	MaxPluginBytes int64  // of a plugin's module; 0: 16 MiB
	Version        string // of the server
	Log            *slog.Logger
}

// Service exports and imports apps. It is safe for concurrent use.
type Service struct {
	config           Config
	exports, imports *semaphore.Weighted
	keepEvery        time.Duration
}

// New makes the service.
func New(c Config) *Service {
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.MaxPluginBytes = cmp.Or(c.MaxPluginBytes, 16<<20)
	c.Log = cmp.Or(c.Log, slog.Default())
	return &Service{config: c, exports: semaphore.NewWeighted(atOnce), imports: semaphore.NewWeighted(atOnce), keepEvery: keepEvery}
}

// tooMany refuses what would be one too many at once.
func tooMany(what string) error {
	return &fault.Error{
		Code: fault.Overloaded, Text: "as many apps are " + what + " as may be at once on this node: try again later", RetryAfter: 10 * time.Second,
	}
}
