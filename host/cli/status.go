package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/picloud/picloud/host/client"
)

// StatusCmd shows how a server is.
type StatusCmd struct{ Remote }

// Help is shown by --help.
func (StatusCmd) Help() string {
	return `Shows the server's version, whether its database takes writes, what runs on the node
that has answered, and who you are there. It needs no login, and fails when the server is not ready.`
}

// A serverStatus is what is shown of a server.
type serverStatus struct {
	URL string `json:"url"`
	client.Status
	ResponseMS float64 `json:"response_ms"`
	Username   string  `json:"username,omitempty"` // of the login there or the token; absent without one
}

// Run is `picloud status`.
func (cmd *StatusCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	at, err := r.login(saved)
	if err != nil {
		return err
	}
	c, err := client.New(at.URL, "")
	if err != nil {
		return &usageError{err}
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	shown := serverStatus{URL: at.URL, Status: status, ResponseMS: *milliseconds(status.Took)}
	if os.Getenv(tokenVariable) != "" {
		if c, err = r.connect(); err != nil {
			return err
		}
		me, err := c.Me(ctx)
		if err != nil {
			return err
		}
		shown.Username = me.Username
	} else if at.validToken() != "" {
		shown.Username = at.Username
	}
	if err := printOne(r, shown, statusProperties); err != nil {
		return err
	}
	if !status.Ready {
		return fmt.Errorf("%s is not ready: %s", at.URL, client.Printable(status.State))
	}
	return nil
}

var statusProperties = []column[serverStatus]{
	{"SERVER", func(s serverStatus) string { return s.URL }},
	{"VERSION", func(s serverStatus) string { return s.Version + " (" + s.Go + ")" }},
	{"STATE", func(s serverStatus) string { return s.State }},
	{"DATABASE", func(s serverStatus) string {
		text := cmp.Or(s.Database, "database") + ", written to in " + inMilliseconds(s.Took)
		if !s.Ready {
			text = cmp.Or(s.Database, "database") + ", not written to"
		}
		return text
	}},
	{"EXECUTIONS", func(s serverStatus) string {
		if s.Executions == nil {
			return "not told"
		}
		text := strconv.FormatInt(*s.Executions, 10) + " running"
		if s.Limit != nil {
			text += fmt.Sprintf(" of %d", *s.Limit)
		}
		return text
	}},
	{"DISK", func(s serverStatus) string {
		if s.DiskFree == nil {
			return "not told"
		}
		return humanize.IBytes(uint64(max(*s.DiskFree, 0))) + " free"
	}},
	{"MEMORY", func(s serverStatus) string {
		if s.Memory == nil {
			return "not told"
		}
		return humanize.IBytes(uint64(max(*s.Memory, 0)))
	}},
	{"STARTED", func(s serverStatus) string {
		if s.Started == nil {
			return "not told"
		}
		return localTime(time.Unix(*s.Started, 0))
	}},
	{"USER", func(s serverStatus) string {
		if s.Username == "" {
			return "not logged in"
		}
		return s.Username
	}},
}
