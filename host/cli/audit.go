package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/picloud/picloud/host/api/wire"
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

var auditColumns = []column[wire.AuditEntry]{
	{"TIME", func(e wire.AuditEntry) string { return localTime(e.At) }},
	{"WHO", whoDid},
	{"FROM", func(e wire.AuditEntry) string { return e.Address }},
	{"ACTION", whatHappened},
	{"KIND", func(e wire.AuditEntry) string { return e.Kind }},
	{"OBJECT", func(e wire.AuditEntry) string { return e.Object }},
	{"APP", func(e wire.AuditEntry) string { return e.AppID }},
}

// whoDid names who is behind an entry.
func whoDid(e wire.AuditEntry) string {
	switch e.Actor {
	case "key":
		return e.Username + " by key " + e.APIKey
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
	return printAll(r, entries, auditColumns)
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
	return follow(r, formatEntry, c.FollowAudit(ctx, query, cmd.Limit, followInterval))
}

var outcomeColors = map[string]string{"refused": yellow, "failed": red}

// formatEntry writes an entry for people who look at w, in their time zone.
func formatEntry(w io.Writer, e wire.AuditEntry) string {
	text := fmt.Sprintf("%s %s %s", localTime(e.At), oneLine(whoDid(e)), paint(w, outcomeColors[e.Outcome], oneLine(whatHappened(e))))
	for _, more := range []string{e.Kind, e.Object, e.Reason} {
		if more != "" {
			text += " " + oneLine(more)
		}
	}
	if e.Address != "" {
		text += " from " + e.Address
	}
	return text
}
