// Package audit is the record of what was changed, and by whom: each administrative change, login and
// refusal is an entry that nobody changes and that retention alone removes.
//
// A change is recorded by the store, in the transaction of the change itself: whoever begins an
// operation puts a deed into its context ([Service.Begin], [Service.System]) and does no more, see
// [store.Deed]. What changes nothing is recorded by the service: [Service.Refused].
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const (
	// MaxShownBytes is the most that an entry has of an object before, and as much of it after, as JSON.
	MaxShownBytes = 16 << 10

	maxReasonBytes = 500

	sweepEvery = time.Hour
	flushEvery = time.Minute
	exportPage = 100 // entries that are in memory at once: up to 3 MiB
)

// Config is what a [Service] is made of.
type Config struct {
	Store store.Store
	// Show returns what of a row may be read by whoever may read the record, to be written as JSON: no
	// secrets, and neither sources nor contents. nil for nothing of a row; Show nil: nothing of any.
	Show func(row any) any
	// Retention is how long entries are kept; 0: for ever.
	Retention time.Duration
	Log       *slog.Logger     // nil: slog.Default()
	Now       func() time.Time // nil: time.Now
}

// Service is the record. It is safe for concurrent use.
type Service struct {
	config Config
	flood  flood
	bursts bursts
}

// New makes the record of a store.
func New(c Config) *Service {
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{config: c}
}

// Begin returns a context in which the first change is recorded, of what is known of the operation so
// far. An operation that changes nothing leaves no entry.
func (s *Service) Begin(ctx context.Context, entry store.AuditEntry) context.Context {
	return store.WithDeed(ctx, s.deed(entry))
}

// BeginReading returns a context in which changes are not recorded: those are no deeds of who begins
// the operation, which can be refused all the same.
func (s *Service) BeginReading(ctx context.Context, entry store.AuditEntry) context.Context {
	deed := s.deed(entry)
	deed.Take()
	return store.WithDeed(ctx, deed)
}

// BeginData returns a context in which the first change is recorded as one of data. Of many alike the first
// are entries of their own, and the others are counted: see [Service.Flush].
func (s *Service) BeginData(ctx context.Context, entry store.AuditEntry) context.Context {
	deed := s.deed(entry)
	deed.Sum = s.bursts.sum
	return store.WithDeed(ctx, deed)
}

// System returns a context in which the first change is recorded as one of the server itself, or of
// who works on its machine.
func (s *Service) System(ctx context.Context, action string) context.Context {
	return s.Begin(ctx, store.AuditEntry{Actor: store.ActorSystem, Action: action})
}

func (s *Service) deed(entry store.AuditEntry) *store.Deed {
	entry.Outcome = store.OutcomeDone
	deed := store.NewDeed(entry)
	if s.config.Show != nil {
		deed.Show = s.show
	}
	return deed
}

// show writes what may be read of a row that becomes another. What is too much loses its largest fields.
func (s *Service) show(before, after any) (was, is json.RawMessage, truncated bool) {
	was, is = s.text(before), s.text(after)
	changed := was != nil && is != nil
	if !changed && max(len(was), len(is)) <= MaxShownBytes {
		return was, is, false
	}
	old, current := fieldsOf(was), fieldsOf(is)
	if changed {
		old, current = differing(old, current)
	}
	var cut bool
	if was != nil {
		was, truncated = bounded(old)
	}
	if is != nil {
		is, cut = bounded(current)
	}
	return was, is, truncated || cut
}

// text is what may be read of a row, as JSON; nil for nothing.
func (s *Service) text(row any) json.RawMessage {
	if row == nil {
		return nil
	}
	shown := s.config.Show(row)
	if shown == nil {
		return nil
	}
	text, err := json.Marshal(shown)
	if err != nil { // a fault of ours, for which nothing need fail
		s.config.Log.Error("an object cannot be recorded", "error", err)
		return nil
	}
	return text
}

// Done records that what a context's deed is about was done, where nothing in the database changes by it.
func (s *Service) Done(ctx context.Context) error {
	entry, first := store.DeedOf(ctx).Take()
	if !first {
		return nil
	}
	return s.config.Store.Audit().Add(ctx, entry)
}

// Refused records that what a context's deed is about was refused: for want of a right or of a token that
// counts, or, if it was a login, because it failed. A flood of such adds few entries, which say how often: see
// [Service.Flush]. Whoever hangs up is recorded, too.
func (s *Service) Refused(ctx context.Context, outcome store.AuditOutcome, reason string) {
	entry := store.DeedOf(ctx).Entry()
	entry.Outcome, entry.Reason, entry.Count = outcome, shortened(reason, maxReasonBytes), 1
	if entry.Actor == store.ActorUnknown && uuid.Validate(entry.Object) != nil {
		entry.Object = "" // it may be anything
	}
	if !s.flood.admit(entry) {
		return
	}
	if err := s.config.Store.Audit().Add(context.WithoutCancel(ctx), entry); err != nil { // it is refused all the same
		s.flood.again(entry)
		s.config.Log.Error("a refusal cannot be recorded yet", "action", entry.Action, "request_id", entry.RequestID, "error", err)
	}
}

func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// List pages through the entries that a query asks for, the newest first.
func (s *Service) List(ctx context.Context, query store.AuditQuery) (store.Page[store.AuditEntry], error) {
	return s.config.Store.Audit().List(ctx, query)
}

// All goes through all entries that a query asks for, the newest first, and ends with the first error.
// Those that are written meanwhile are left out.
func (s *Service) All(ctx context.Context, query store.AuditQuery) iter.Seq2[store.AuditEntry, error] {
	query.Page = store.PageRequest{Limit: exportPage}
	return func(yield func(store.AuditEntry, error) bool) {
		for {
			page, err := s.List(ctx, query)
			if err != nil {
				yield(store.AuditEntry{}, err)
				return
			}
			for _, entry := range page.Items {
				if !yield(entry, nil) {
					return
				}
			}
			if query.Page.Cursor = page.Next; page.Next == "" {
				return
			}
		}
	}
}

// Background is what goes on beside requests: what is older than the retention goes every hour, and
// what was counted is written when it is due.
func (s *Service) Background() background.Service {
	group := background.Group{background.NewTask(background.TaskConfig{
		Name: "record of what was counted", Every: flushEvery, Log: s.config.Log, Run: s.flushDue,
	})}
	if s.config.Retention > 0 {
		group = append(group, background.NewSweep("old", "audit entries", sweepEvery, s.config.Log, s.Sweep))
	}
	return group
}

// Sweep removes what is older than the retention, and returns how many entries.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	before := s.config.Now().Add(-s.config.Retention)
	return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return s.config.Store.Audit().DeleteBefore(ctx, before, limit)
	})
}
