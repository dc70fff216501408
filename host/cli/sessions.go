package cli

import (
	"context"
	"errors"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// SessionsCmd groups the commands on the user's own sessions.
type SessionsCmd struct {
	Remote
	List SessionsListCmd `cmd:"" help:"List your sessions, the one used last first."`
	End  SessionsEndCmd  `cmd:"" help:"End one of your sessions, all others, or all."`
}

var sessionColumns = []column[wire.Session]{
	{"CURRENT", func(s wire.Session) string {
		if s.Current {
			return "*"
		}
		return ""
	}},
	{"ADDRESS", func(s wire.Session) string { return s.Address }},
	{"PROGRAM", func(s wire.Session) string { return excerpt(s.UserAgent) }},
	{"LAST USED", func(s wire.Session) string { return localTime(s.LastUsedAt) }},
	{"CREATED", func(s wire.Session) string { return localTime(s.CreatedAt) }},
	{"EXPIRES", func(s wire.Session) string { return localTime(s.ExpiresAt) }},
	{"ID", func(s wire.Session) string { return s.ID }},
}

// SessionsListCmd is `picloud sessions list`.
type SessionsListCmd struct{}

// Run lists the sessions.
func (SessionsListCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	sessions, err := client.Collect(c.Sessions(ctx))
	if err != nil {
		return err
	}
	return printAll(r, sessions, sessionColumns)
}

// SessionsEndCmd is `picloud sessions end`.
type SessionsEndCmd struct {
	Session string `arg:"" optional:"" help:"Id of a session." complete:"sessions"`
	Others  bool   `xor:"which" help:"All but the current one."`
	All     bool   `xor:"which" help:"All, the current one too."`
}

// Run ends the sessions.
func (cmd *SessionsEndCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	if (cmd.Session != "") == (cmd.Others || cmd.All) {
		return &usageError{errors.New("name a session, or say --others or --all")}
	}
	if cmd.Session != "" {
		if err := c.EndSession(ctx, cmd.Session); err != nil {
			return err
		}
		return r.printDone(wire.SessionsEnded{Ended: 1}, "The session has ended.")
	}
	ended, err := c.EndSessions(ctx, cmd.Others)
	if err != nil {
		return err
	}
	return r.printDone(ended, "%s ended.", plural(ended.Ended, "session"))
}
