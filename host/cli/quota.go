package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// QuotaCmd groups the commands on what an app may have.
type QuotaCmd struct {
	Remote
	InApp
	Show QuotaShowCmd `cmd:"" help:"Show what the app may have, and what it has of it."`
	Set  QuotaSetCmd  `cmd:"" help:"Set what the app may have."`
}

// QuotaShowCmd is `picloud quota show`.
type QuotaShowCmd struct{}

// Run shows the quotas.
func (QuotaShowCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	quota, err := c.Quota(ctx, in.App)
	if err != nil {
		return err
	}
	return showQuota(ctx, r, c, in, quota)
}

// showQuota prints the quotas with what is used of them.
func showQuota(ctx context.Context, r *Remote, c *client.Client, in *InApp, quota wire.Quota) error {
	if r.Output == "json" {
		return r.printJSON(quota)
	}
	usage, err := c.Usage(ctx, in.App)
	if err != nil {
		return err
	}
	type row struct {
		name  string
		used  int64 // below 0: it is not told
		most  int64
		set   bool
		write func(int64) string
	}
	l, s := quota.Limits, quota.Set
	rows := []row{
		{"requests a second", -1, l.RequestsPerSecond, s.RequestsPerSecond != nil, number},
		{"requests at once", usage.Requests.Used, l.RequestBurst, s.RequestBurst != nil, number},
		{"executions at once", usage.Executions.Used, l.Executions, s.Executions != nil, number},
		{"processor time a day", usage.CPU.Used, l.CPUMillis, s.CPUMillis != nil, processorTime},
		{"kv", usage.KV.Bytes, l.KVBytes, s.KVBytes != nil, size},
		{"docs", usage.Docs.Bytes, l.DocsBytes, s.DocsBytes != nil, size},
		{"files", usage.Files.Bytes, l.FilesBytes, s.FilesBytes != nil, size},
		{"log a day", usage.Log.Bytes, l.LogBytes, s.LogBytes != nil, size},
		{"pending events", usage.Events.Used, l.PendingEvents, s.PendingEvents != nil, number},
	}
	warnUsage(r, usage)
	return printAll(r, rows, []column[row]{
		{"QUOTA", func(q row) string { return q.name }},
		{"USED", func(q row) string {
			if q.used < 0 {
				return ""
			}
			return q.write(q.used)
		}},
		{"LIMIT", func(q row) string {
			if q.most == 0 {
				return "none"
			}
			return q.write(q.most)
		}},
		{"FROM", func(q row) string {
			if q.set {
				return "the app"
			}
			return "default"
		}},
	})
}

// How people are shown amounts; --output json has the numbers.
func number(n int64) string         { return strconv.FormatInt(n, 10) }
func size(bytes int64) string       { return humanize.IBytes(uint64(max(bytes, 0))) }
func processorTime(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// warnUsage tells of the quotas of which most is used.
func warnUsage(r *Remote, u wire.Usage) {
	for _, w := range []struct{ of, text string }{
		{"kv", u.KV.Warning}, {"docs", u.Docs.Warning}, {"files", u.Files.Warning}, {"log of today", u.Log.Warning},
		{"processor time of today", u.CPU.Warning}, {"pending events", u.Events.Warning}, {"executions", u.Executions.Warning},
	} {
		if w.text != "" {
			r.notices.warn("%s: %s", w.of, w.text)
		}
	}
}

// QuotaSetCmd is `picloud quota set`. A value is a number, none, or default.
type QuotaSetCmd struct {
	Requests   string `placeholder:"N" help:"Requests a second, on each node. Of each quota a value is a number, none, or default for the server's."`
	Burst      string `placeholder:"N" help:"Requests that may come at once; default is as many as in a second."`
	Executions string `placeholder:"N" help:"Executions at once, on each node."`
	CPU        string `name:"cpu" placeholder:"TIME" help:"Processor time of executions on a day (UTC), such as 90m."`
	KV         string `name:"kv" placeholder:"BYTES" help:"Keys and values, such as 512MiB."`
	Docs       string `placeholder:"BYTES" help:"Documents."`
	Files      string `placeholder:"BYTES" help:"Files."`
	Log        string `placeholder:"BYTES" help:"Log lines on a day (UTC)."`
	Events     string `placeholder:"N" help:"Pending events."`
}

// Run sets the quotas that are named, and leaves the others.
func (cmd *QuotaSetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	quota, err := c.Quota(ctx, in.App)
	if err != nil {
		return err
	}
	named := false
	for _, flag := range []struct {
		name, value string
		to          **int64
		read        func(string) (int64, error)
	}{
		{"requests", cmd.Requests, &quota.Set.RequestsPerSecond, readCount},
		{"burst", cmd.Burst, &quota.Set.RequestBurst, readCount},
		{"executions", cmd.Executions, &quota.Set.Executions, readCount},
		{"cpu", cmd.CPU, &quota.Set.CPUMillis, readMillis},
		{"kv", cmd.KV, &quota.Set.KVBytes, readBytes},
		{"docs", cmd.Docs, &quota.Set.DocsBytes, readBytes},
		{"files", cmd.Files, &quota.Set.FilesBytes, readBytes},
		{"log", cmd.Log, &quota.Set.LogBytes, readBytes},
		{"events", cmd.Events, &quota.Set.PendingEvents, readCount},
	} {
		switch flag.value {
		case "":
			continue
		case "default":
			*flag.to = nil
		case "none":
			*flag.to = new(int64(0))
		default:
			value, err := flag.read(flag.value)
			if err != nil {
				return &usageError{fmt.Errorf("--%s: %w", flag.name, err)}
			}
			*flag.to = &value
		}
		named = true
	}
	if !named {
		return &usageError{errors.New("name the quotas to set, such as --docs 1GiB")}
	}
	if quota, err = c.SetQuota(ctx, in.App, quota.Set); err != nil {
		return err
	}
	return showQuota(ctx, r, c, in, quota)
}

func readCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("must be a number, none or default, got %q", text)
	}
	return n, nil
}

func readMillis(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return 0, fmt.Errorf("must be a time such as 90m, none or default, got %q", text)
	}
	return d.Milliseconds(), nil
}

// units of bytes.
var units = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"", 1}}

func readBytes(text string) (int64, error) {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/unit.bytes {
			break
		}
		return n * unit.bytes, nil
	}
	return 0, fmt.Errorf("must be a number of bytes such as 1073741824 or 1GiB, none or default, got %q", text)
}
