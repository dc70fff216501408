package audit

import (
	"context"
	"sync"

	"github.com/picloud/picloud/host/store"
)

// distinct is how many refusals that differ are told apart until the next flush, of each outcome. So a
// flood adds up to 2*distinct+1 entries a minute of failed logins, and as many of other refusals.
const distinct = 5

// flood counts refusals. The first of each kind is written at once, and so are at the next flush the
// number of those that came after it, and the number of all that are not told apart.
type flood struct {
	mu     sync.Mutex
	counts map[store.AuditOutcome]*tally
	failed []store.AuditEntry // which a flush could not write
}

// source is what refusals have in common that are counted together.
type source struct{ action, userID, keyID, address string }

type tally struct {
	repeated map[source]store.AuditEntry // the last of each, with the number of those after the first
	others   store.AuditEntry
}

// admit reports whether a refusal is to be written now. Else it is counted.
func (f *flood) admit(entry store.AuditEntry) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.counts[entry.Outcome]
	if t == nil {
		t = &tally{repeated: map[source]store.AuditEntry{}}
		if f.counts == nil {
			f.counts = map[store.AuditOutcome]*tally{}
		}
		f.counts[entry.Outcome] = t
	}
	key := source{entry.Action, entry.UserID, entry.KeyID, entry.Address}
	before, seen := t.repeated[key]
	switch {
	case seen:
		entry.Count += before.Count
		t.repeated[key] = entry
	case len(t.repeated) < distinct:
		first := entry
		first.Count = 0
		t.repeated[key] = first
		return true
	case t.others.Count == 0 || t.others.Action == entry.Action:
		t.others.Action, t.others.Count = entry.Action, t.others.Count+entry.Count
	default:
		t.others.Action, t.others.Count = "", t.others.Count+entry.Count
	}
	return false
}

// take returns what was counted, and counts from nothing.
func (f *flood) take() []store.AuditEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries := f.failed
	for outcome, t := range f.counts {
		for _, entry := range t.repeated {
			if entry.Count > 0 {
				entries = append(entries, entry)
			}
		}
		if t.others.Count > 0 {
			t.others.Outcome, t.others.Actor, t.others.Reason = outcome, store.ActorUnknown, "others, which are not told apart"
			entries = append(entries, t.others)
		}
	}
	f.counts, f.failed = nil, nil
	return entries
}

// maxFailed bounds what waits for another attempt to write it.
const maxFailed = 1000

// Flush writes how many refusals there were since the last flush that were not written one by one. An
// end of the process that comes before loses those numbers, no more.
func (s *Service) Flush(ctx context.Context) error {
	entries := s.flood.take()
	for i, entry := range entries {
		if err := s.config.Store.Audit().Add(ctx, entry); err != nil {
			s.flood.mu.Lock()
			s.flood.failed = append(s.flood.failed, entries[i:min(len(entries), i+maxFailed)]...)
			s.flood.mu.Unlock()
			return err
		}
	}
	return nil
}
