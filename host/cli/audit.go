package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// AuditCmd groups the commands on the record of changes.
type AuditCmd struct {
	Remote
	List   AuditListCmd   `cmd:"" help:"List what was changed and by whom, the newest first."`
	Export AuditExportCmd `cmd:"" help:"Print what was changed and by whom as lines of JSON, the newest first."`
	Tail   AuditTailCmd   `cmd:"" help:"Print what is changed and by whom as it happens, until interrupted."`
}

// AuditFlags say which entries are meant.
type AuditFlags struct {
	App    string `short:"a" placeholder:"APP" complete:"apps" help:"Only what concerns this app, by slug or id; who does not administer the instance must name one."`
	User   string `help:"Only what this user did, by name or id."`
	Action string `help:"Only this, by the operation's id: update-script, login, ..."`
	Object string `help:"Only what was done to this, by id or name; to data, collection/key."`
	Since  string `placeholder:"WHEN" help:"From this time on: 10m, 48h or 2026-01-31T15:04:05Z."`
	Until  string `placeholder:"WHEN" help:"Before this time, as --since."`
}

// query returns what the flags ask for.
func (f *AuditFlags) query() (q client.AuditQuery, err error) {
	q = client.AuditQuery{App: f.App, User: f.User, Action: f.Action, Object: f.Object}
	now := time.Now()
	if q.From, err = parseWhen("--since", f.Since, now); err == nil {
		q.To, err = parseWhen("--until", f.Until, now)
	}
	if err != nil {
		return q, &usageError{err}
	}
	return q, nil
}

// auditColumns are those of a listing, with what is known of names.
func auditColumns(names auditNames) []column[wire.AuditEntry] {
	return []column[wire.AuditEntry]{
		{"TIME", func(e wire.AuditEntry) string { return localTime(e.At) }},
		{"WHO", names.whoDid},
		{"FROM", func(e wire.AuditEntry) string { return e.Address }},
		{"ACTION", whatHappened},
		{"KIND", func(e wire.AuditEntry) string { return e.Kind }},
		{"OBJECT", names.object},
		{"APP", func(e wire.AuditEntry) string { return names.of(e.AppID) }},
	}
}

// auditNames are the names of what entries have the ids of, by id.
type auditNames map[string]string

func (n auditNames) of(id string) string { return cmp.Or(n[id], id) }

// object names what was changed.
func (n auditNames) object(e wire.AuditEntry) string {
	if n[e.Object] == "" {
		n.learn(e)
	}
	return n.of(e.Object)
}

// learn takes up the name that an object has, or had, by an entry about it.
func (n auditNames) learn(e wire.AuditEntry) {
	for _, is := range []json.RawMessage{e.Before, e.After} { // the last one counts
		var named struct{ Name, Slug, Username, Host, Method, Path string }
		if e.Object == "" || len(is) == 0 || json.Unmarshal(is, &named) != nil {
			continue
		}
		name := cmp.Or(named.Slug, named.Username, named.Name)
		if name == "" && named.Path != "" {
			name = manifest.Pattern(named.Method, named.Host, named.Path)
		}
		if name = cmp.Or(name, named.Host); name != "" {
			n[e.Object] = name
		}
	}
}

// mostNames is how many names are looked up for a listing; what is beyond has its id.
const mostNames = 100

// namesIn finds the names of what entries are about: those that it has now, as far as who asks may see it, or those
// that it had when the newest entry with one was made. It asks for what occurs alone, one by one.
func namesIn(ctx context.Context, c *client.Client, entries []wire.AuditEntry) auditNames {
	names := auditNames{}
	for _, e := range slices.Backward(entries) {
		names.learn(e)
	}
	asked := map[string]bool{}
	look := func(id, of string, find func()) {
		if names[id] == "" && uuid.Validate(id) == nil && !asked[of] && len(asked) < mostNames {
			asked[of] = true
			find()
		}
	}
	for _, e := range entries {
		look(e.AppID, e.AppID, func() { nameOne(ctx, names, c.App, e.AppID, func(a wire.App) string { return a.Slug }) })
		switch e.Kind {
		case "script":
			look(e.Object, e.Object, func() { nameOne(ctx, names, c.Script, e.Object, func(s wire.Script) string { return s.Name }) })
		case "trigger":
			look(e.Object, e.Object, func() { nameOne(ctx, names, c.Trigger, e.Object, func(t wire.Trigger) string { return t.Name }) })
		case "user", "member":
			look(e.Object, e.Object, func() { nameOne(ctx, names, c.User, e.Object, func(u wire.User) string { return u.Username }) })
		case "route": // which is listed alone
			look(e.Object, "routes of "+e.AppID, func() {
				nameAll(names, c.AppRoutes(ctx, e.AppID), func(r wire.Route) (string, string) { return r.ID, manifest.Pattern(r.Method, r.Host, r.Path) })
			})
		}
		key := e.APIKey
		if e.Kind == "api-key" {
			key = e.Object
		}
		look(key, "keys", func() {
			nameAll(names, c.Keys(ctx), func(k wire.APIKey) (string, string) { return k.ID, k.Name })
		})
	}
	return names
}

// nameOne takes up the name of what has an id, as far as it can be read: a name is not worth an error.
func nameOne[T any](ctx context.Context, names auditNames, get func(ctx context.Context, id string) (T, error), id string, of func(T) string) {
	if item, err := get(ctx, id); err == nil {
		names[id] = of(item)
	}
}

// nameAll takes up the names of a listing, as far as it can be read.
func nameAll[T any](names auditNames, listing iter.Seq2[T, error], of func(T) (id, name string)) {
	for item, err := range listing {
		if err != nil {
			return
		}
		id, name := of(item)
		names[id] = name
	}
}

// whoDid names who is behind an entry.
func (n auditNames) whoDid(e wire.AuditEntry) string {
	switch e.Actor {
	case "key":
		return e.Username + " by key " + n.of(e.APIKey)
	case "user":
		return e.Username
	}
	return e.Actor
}

// whatHappened tells what was done, or what became of it instead.
func whatHappened(e wire.AuditEntry) string {
	text := e.Action
	if e.Outcome != "done" {
		text += " " + e.Outcome
	}
	if e.Count > 1 {
		text += " " + plural(e.Count, "time")
	}
	return text
}

// AuditListCmd is `picloud audit list`.
type AuditListCmd struct {
	AuditFlags
	Limit int `short:"n" default:"100" help:"At most so many; 0 for all (default ${default})."`
}

// Run lists the entries.
func (cmd *AuditListCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	query, err := cmd.query()
	if err != nil {
		return err
	}
	entries, err := client.Collect(first(cmd.Limit, c.Audit(ctx, query)))
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(append([]wire.AuditEntry{}, entries...))
	}
	return printAll(r, entries, auditColumns(namesIn(ctx, c, entries)))
}

// AuditExportCmd is `picloud audit export`.
type AuditExportCmd struct{ AuditFlags }

// Run prints the lines as the server sends them.
func (cmd *AuditExportCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	query, err := cmd.query()
	if err != nil {
		return err
	}
	lines, err := c.ExportAudit(ctx, query)
	if err != nil {
		return err
	}
	defer lines.Close()
	if _, err := io.Copy(r.stdout, lines); err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	return nil
}

// AuditTailCmd is `picloud audit tail`.
type AuditTailCmd struct {
	AuditFlags
	Limit int `short:"n" default:"10" help:"At most this many of the newest first; 0 for new ones only (default ${default})."`
}

// Run prints entries until it is interrupted.
func (cmd *AuditTailCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	query, err := cmd.query()
	if err == nil && cmd.Limit < 0 {
		err = &usageError{fmt.Errorf("--limit must be at least 0, got %d", cmd.Limit)}
	}
	if err != nil {
		return err
	}
	names := auditNames{} // as entries tell them
	return follow(r, names.format, c.FollowAudit(ctx, query, cmd.Limit, followInterval))
}

var outcomeColors = map[string]string{"refused": yellow, "failed": red}

// format writes an entry for people who look at w, in their time zone.
func (n auditNames) format(w io.Writer, e wire.AuditEntry) string {
	text := fmt.Sprintf("%s %s %s", localTime(e.At), oneLine(n.whoDid(e)), paint(w, outcomeColors[e.Outcome], oneLine(whatHappened(e))))
	for _, more := range []string{e.Kind, n.object(e), e.Reason} {
		if more != "" {
			text += " " + oneLine(more)
		}
	}
	if e.Address != "" {
		text += " from " + e.Address
	}
	return text
}
