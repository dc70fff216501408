package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/apptest/bench"
	"github.com/picloud/picloud/host/cli"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/server"
)

// devGrace is how long running executions may take to finish when a server for development stops.
const devGrace = time.Second

// localBody is the largest request body of such a server, in bytes: a deploy has all of its seeds, and there is no other way
// to give them to a server that begins with them.
const localBody = 1 << 30

// startLocal starts a server for development in this process: with the settings of the PICLOUD_*
// variables, but always on SQLite in its directory. One for tests has the defaults, so that tests come to the same
// wherever they run.
func startLocal(ctx context.Context, want cli.LocalServer) (*cli.Local, error) {
	settings := new(config.Config)
	options, level := config.KongOptions(), os.Getenv("PICLOUD_LOG_LEVEL")
	quiet := level == ""
	if want.Bench {
		options = append(options, config.WithoutVariables())
		level = cmp.Or(level, "error") // tests have scripts fail, and are told so
	}
	parser, err := kong.New(settings, options...)
	if err != nil {
		return nil, err
	}
	args := []string{"--data", want.Data, "--database-url=", "--files-root=", "--role", config.RoleAll, "--addr", freeAddress(want.Addr),
		"--dashboard-addr", dashboardOf(want), "--shutdown-grace", devGrace.String(), "--log-level", cmp.Or(level, "warn")}
	if _, err := parser.Parse(args); err != nil {
		return nil, err
	}
	if want.Bench || os.Getenv("PICLOUD_MAX_BODY_BYTES") == "" {
		settings.MaxBodyBytes = localBody
	}
	log := settings.Logger()
	if quiet {
		log = slog.New(withoutExecutions{log.Handler()})
	}
	if want.Password != "" {
		settings.AdminUsername, settings.AdminPassword = "admin", want.Password
	}
	self, err := server.Self()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	its := server.Config{Settings: settings, Version: version, Out: os.Stderr, Log: log, Compile: []string{self, "compile"}, Cover: want.Cover}
	if want.Answered != nil {
		its.Answered = func(a server.Answered) {
			want.Answered(cli.LocalRequest{At: a.At, Method: a.Method, Path: a.Path, Status: a.Status, Took: a.Took, ExecutionID: a.ExecutionID})
		}
	}
	var tests apptest.Bench
	if want.Bench {
		its.Bench = bench.New()
		its.Out, tests = io.Discard, its.Bench
	}
	s, err := server.New(ctx, its)
	if err != nil {
		return nil, err
	}
	token, err := s.OpenSession(ctx)
	if err == nil && want.Bench {
		err = s.BindBench(token)
	}
	if err != nil {
		_ = s.Stop()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.WithoutCancel(ctx)) }() // Stop ends it, when the command has
	return &cli.Local{URL: "http://" + s.Addr().String(), Token: token, Ended: ended, Stop: s.Stop, Bench: tests}, nil
}

// withoutExecutions leaves out what the server logs of executions that fail: the command tells of them itself.
type withoutExecutions struct{ slog.Handler }

func (h withoutExecutions) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == "execution" {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h withoutExecutions) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutExecutions{h.Handler.WithAttrs(attrs)}
}

func (h withoutExecutions) WithGroup(name string) slog.Handler {
	return withoutExecutions{h.Handler.WithGroup(name)}
}

// dashboardOf returns the --dashboard-addr of a server for development: none for tests, or where the settings say so, and
// else any that is free. The one in the settings is another server's.
func dashboardOf(want cli.LocalServer) string {
	if want.Bench || os.Getenv("PICLOUD_DASHBOARD_ADDR") == config.DashboardOff {
		return config.DashboardOff
	}
	return ""
}

// freeAddress returns an address to listen on: the one that is wanted, else the usual one unless
// somebody listens there, else one with any port.
func freeAddress(wanted string) string {
	const usual, anyPort = "127.0.0.1:8080", "127.0.0.1:0"
	if wanted != "" {
		return wanted
	}
	listener, err := net.Listen("tcp", usual)
	if err != nil {
		return anyPort
	}
	_ = listener.Close()
	return usual
}
