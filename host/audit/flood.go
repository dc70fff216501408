package audit

import (
	"context"
	"sync"

	"github.com/picloud/picloud/host/store"
)

const (
	// distinct is how many refusals that differ are told apart until the next flush, of each class. So a
	// flood adds up to 2*distinct+1 entries of failed logins a minute, and as many of other refusals.
	distinct = 5
	// unknownFlushes is how many flushes there are until what was refused to nobody known is written: an hour,
	// since anybody can have it refused, as often as they like.
	unknownFlushes = 60
)

// flood counts refusals. The first of each kind is written at once, and so are at a later flush the
// number of those that came after it, and the number of all that are not told apart.
type flood struct {
	mu     sync.Mutex
	counts map[class]*tally
	failed []store.AuditEntry // which could not be written
}

// class is what refusals are told apart by first, so that a flood of one hides nothing of another.
type class struct {
	outcome store.AuditOutcome
	unknown bool // refused to somebody without a token that counts
}

// source is what refusals have in common that are counted together.
type source struct{ action, userID, keyID, address string }

type tally struct {
	repeated map[source]store.AuditEntry // the last of each, with the number of those after the first
	others   store.AuditEntry
	flushes  int // that it was not due at
}

// admit reports whether a refusal is to be written now. Else it is counted.
func (f *flood) admit(entry store.AuditEntry) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := class{entry.Outcome, entry.Actor == store.ActorUnknown && entry.Outcome == store.OutcomeRefused}
	t := f.counts[of]
	if t == nil {
		t = &tally{repeated: map[source]store.AuditEntry{}}
		if f.counts == nil {
			f.counts = map[class]*tally{}
		}
		f.counts[of] = t
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

// take returns what was counted, all of it or what is due, and counts that from nothing.
func (f *flood) take(all bool) []store.AuditEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries := f.failed
	f.failed = nil
	for of, t := range f.counts {
		if t.flushes++; of.unknown && t.flushes < unknownFlushes && !all {
			continue
		}
		for _, entry := range t.repeated {
			if entry.Count > 0 {
				entries = append(entries, entry)
			}
		}
		if t.others.Count > 0 {
			t.others.Outcome, t.others.Actor, t.others.Reason = of.outcome, store.ActorUnknown, "others, which are not told apart"
			entries = append(entries, t.others)
		}
		delete(f.counts, of)
	}
	return entries
}

// maxFailed bounds what waits for another attempt to write it.
const maxFailed = 1000

// again keeps entries for the next flush.
func (f *flood) again(entries ...store.AuditEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, entries[:min(len(entries), maxFailed-len(f.failed))]...)
}

// Flush writes how many refusals and changes of data there were that were not written one by one. An
// end of the process that comes before loses those numbers, no more.
func (s *Service) Flush(ctx context.Context) error { return s.flush(ctx, true) }

// flushDue is Flush of what is due, once a minute.
func (s *Service) flushDue(ctx context.Context) error { return s.flush(ctx, false) }

func (s *Service) flush(ctx context.Context, all bool) error {
	entries := append(s.flood.take(all), s.bursts.take()...)
	for i, entry := range entries {
		if err := s.config.Store.Audit().Add(ctx, entry); err != nil {
			s.flood.again(entries[i:]...)
			return err
		}
	}
	return nil
}
