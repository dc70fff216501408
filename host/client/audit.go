package client

import (
	"context"
	"io"
	"iter"
	"net/url"
	"slices"
	"time"

	"github.com/picloud/picloud/host/api/wire"
)

// AuditQuery narrows the record of changes. What is zero is any.
type AuditQuery struct {
	App    string // id or slug; the whole record is for who administers the instance
	User   string // id or name
	Action string // an operation's id
	Object string // id or name of what was changed; of data, collection/key
	From   time.Time
	To     time.Time // before
}

func (q AuditQuery) values() url.Values {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return given("app", q.App, "user", q.User, "action", q.Action, "object", q.Object, "from", at(q.From), "to", at(q.To))
}

// Audit lists what was changed and by whom, the newest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) iter.Seq2[wire.AuditEntry, error] {
	return listQuery[wire.AuditEntry](ctx, c, q.values(), "audit")
}

// ExportAudit returns what was changed and by whom as lines of JSON, the newest first, to be read and
// closed by the caller. A transfer that breaks off is an error of the last read.
func (c *Client) ExportAudit(ctx context.Context, q AuditQuery) (io.ReadCloser, error) {
	return c.download(ctx, q.values(), "audit:export")
}

// lateEntries is how long after its time an entry may appear: those of other nodes have other clocks,
// and transactions take a while.
const lateEntries = 10 * time.Second

// FollowAudit yields the newest entries, the oldest of them first, and then entries as they are
// written; it asks for them at an interval. It goes on until the context ends, an error occurs or the
// caller stops.
func (c *Client) FollowAudit(ctx context.Context, q AuditQuery, newest int, every time.Duration) iter.Seq2[wire.AuditEntry, error] {
	return func(yield func(wire.AuditEntry, error) bool) {
		var shown []wire.AuditEntry
		for entry, err := range c.Audit(ctx, q) {
			if err != nil {
				yield(entry, err)
				return
			}
			if shown = append(shown, entry); len(shown) >= newest {
				break
			}
		}
		poll := time.NewTicker(every)
		defer poll.Stop()
		seen := map[string]bool{}
		for first := true; ; first = false {
			if len(shown) > 0 && shown[0].At.Add(-lateEntries).After(q.From) {
				q.From = shown[0].At.Add(-lateEntries)
			}
			listed, err := Collect(c.Audit(ctx, q))
			if err != nil {
				if ctx.Err() == nil {
					yield(wire.AuditEntry{}, err)
				}
				return
			}
			news := slices.DeleteFunc(slices.Clone(listed), func(e wire.AuditEntry) bool { return seen[e.ID] })
			if first {
				news = shown[:min(newest, len(shown))]
			}
			for _, entry := range slices.Backward(news) {
				if !yield(entry, nil) {
					return
				}
			}
			clear(seen)
			for _, entry := range listed {
				seen[entry.ID] = true
			}
			if len(listed) > 0 {
				shown = listed
			}
			select {
			case <-ctx.Done():
				return
			case <-poll.C:
			}
		}
	}
}
