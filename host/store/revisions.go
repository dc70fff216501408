package store

import "context"

// Revision is one change of configuration: it says what has to be read again by whoever keeps it in
// memory. It does not say what the change was.
type Revision struct {
	// Generation numbers the changes of all nodes, from 1, without gaps. It is given in the
	// transaction of the change, one after another: a change with a lower number has been committed
	// before.
	Generation int64
	Resource   Resource
	AppID      string // the app it belongs to, or is
	ID         string // of the row
}

// Resource is a kind of rows that make up the configuration.
type Resource string

// The resources of revisions. What belongs to a row that is deleted goes with it, and has no
// revision of its own.
const (
	ResourceApp     Resource = "app"
	ResourceScript  Resource = "script"
	ResourceRoute   Resource = "route"
	ResourceTrigger Resource = "trigger"
	ResourceTopic   Resource = "topic"  // whose id is its name
	ResourceSecret  Resource = "secret" // as that of a topic
	ResourceDomain  Resource = "domain"
	ResourceIndex   Resource = "index" // of documents
	ResourceQuota   Resource = "quota" // whose id is its app's
	// ResourceUser is who a user is and what the user may do: the role, sessions and keys that end, the second
	// factor, and the place in the app of AppID.
	ResourceUser Resource = "user"
)

// KeptRevisions is how many revisions are kept, the newest.
const KeptRevisions = 1_000

// Revisions lists the changes of configuration that any node sharing the database makes.
type Revisions interface {
	// Generation returns the number of the newest revision, 0 if there was none. Who reads the same
	// number twice has missed nothing in between.
	Generation(ctx context.Context) (int64, error)
	// After lists the revisions after a generation, the oldest first. complete is false when some
	// of them are not kept any more: then all configuration has to be read again.
	After(ctx context.Context, generation int64) (revisions []Revision, complete bool, err error)
	// Follow has fn called with each revision that this process makes, after its commit and before
	// whoever made it goes on; see [Store.AfterCommit].
	Follow(fn func(Revision))
	// Shared reports whether other processes may make revisions: only then there is anything to
	// listen to.
	Shared() bool
	// Listen calls wake whenever any process may have made a revision, until the context ends or
	// the database is lost. It first calls wake once it listens, for what came before. The error is
	// an [*Error], whose cause may be the context's. Of a database that is not shared it returns at
	// once.
	Listen(ctx context.Context, wake func()) error
}
