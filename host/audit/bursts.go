package audit

import (
	"strings"
	"sync"

	"github.com/picloud/picloud/host/store"
)

// singly is how many changes of data that are alike have an entry each until the next flush. The others are
// one entry with their number: a program that writes a hundred thousand would bury what people do.
const singly = 50

// bursts counts changes of data.
type bursts struct {
	mu   sync.Mutex
	runs map[run]*changes
}

// run is what changes have in common that are counted together.
type run struct{ action, userID, keyID, appID string }

type changes struct {
	written int
	rest    store.AuditEntry // the last of those that were counted, and how many
}

// sum implements [store.Deed.Sum].
func (b *bursts) sum(entry store.AuditEntry) (count func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs == nil {
		b.runs = map[run]*changes{}
	}
	key := run{entry.Action, entry.UserID, entry.KeyID, entry.AppID}
	if b.runs[key] == nil {
		b.runs[key] = &changes{}
	}
	if c := b.runs[key]; c.written < singly {
		c.written++
		return nil
	}
	return func() { b.count(key, entry) }
}

// count counts a change that is made.
func (b *bursts) count(key run, entry store.AuditEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.runs[key]
	if c == nil { // flushed since
		c = &changes{written: singly}
		b.runs[key] = c
	}
	if c.rest.Count > 0 {
		entry.Object = common(c.rest.Object, entry.Object)
	}
	entry.Count = c.rest.Count + 1
	c.rest = entry
}

// common is what names of objects begin with alike, up to a slash: the collection of "orders/1" and "orders/2"; the
// name itself if they are the same.
func common(a, b string) string {
	if a == b {
		return a
	}
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:strings.LastIndexByte(a[:n], '/')+1]
}

// take returns what was counted, and counts from nothing.
func (b *bursts) take() (entries []store.AuditEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.runs {
		if c.rest.Count > 0 {
			entries = append(entries, c.rest)
		}
	}
	b.runs = map[run]*changes{} // a change may be under way, to be counted
	return entries
}
