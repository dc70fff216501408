package store

import "context"

// Deletions removes what is left of apps, scripts and topics that are deleted. [Apps.Delete],
// [Scripts.Delete] and [Topics.Delete] only mark them, in a moment: they are gone for everybody then, and take nothing
// more. Their rows go later, some at a time.
type Deletions interface {
	// Remove removes up to limit rows, 1 to [MaxBatch], in one transaction, those of what was
	// deleted first first, of topics before all, and of an app, a script or a topic itself last. Less than limit were removed when
	// nothing is left, or another node is at it.
	Remove(ctx context.Context, limit int) (Removed, error)
}

// Removed is what [Deletions.Remove] has removed.
type Removed struct {
	Rows  int
	Blobs []string // of files, whose bytes nobody needs any more
}

// MaxContents is how far is counted of what there may be much of: it stands for as many or more.
const MaxContents = 10_000

// AppContents is how much of each kind an app has, and its deletion would take. Of entries, documents, files,
// executions, events and dead letters it is [MaxContents] at most.
type AppContents struct {
	Scripts     int64
	Routes      int64
	Triggers    int64
	Topics      int64
	Domains     int64
	Members     int64
	Keys        int64 // that are bound to it
	Secrets     int64
	KVEntries   int64
	Documents   int64
	Files       int64
	FileBytes   int64 // of all files
	Executions  int64
	Events      int64 // that wait, or are being handled
	DeadLetters int64
}

// ScriptContents is how much of each kind belongs to a script, and its deletion would take. Of executions it is
// [MaxContents] at most.
type ScriptContents struct {
	Routes     int64
	Triggers   int64
	Executions int64
}
