// Command soak is PiCloud's endurance test, in two parts. First it runs a server for a while with good
// and hostile scripts of two apps, more at once than the server admits. Then two thousand connections
// come at once, half of them hostile (see package hostile). In both it checks that
//
//   - every answer is the only right one, or says that the server is full,
//   - a script that is updated answers as updated at once,
//   - memory after the warm-up and memory at the end are the same,
//   - nothing is left running, and the server logs no error and stops in order.
//
// It ends with status 1 if one of these does not hold.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/picloud/picloud/host/bench/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	binary := flag.String("server", "../../bin/picloud", "the server's program")
	duration := flag.Duration("for", 10*time.Minute, "how long each part takes")
	workers := flag.Int("workers", 48, "clients at once in the first part; the server admits 32 executions")
	connections := flag.Int("connections", 2000, "connections at once in the second part, half of them hostile; 0: no second part")
	flag.Parse()
	if *duration < 5*time.Second || *workers < 1 || *connections < 0 {
		return errors.New("-for must be at least 5s, -workers at least 1 and -connections at least 0")
	}
	program, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "picloud-soak-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var log errorLog
	server, err := process.PiCloud(ctx, program, data, &log, "PICLOUD_LOG_LEVEL=error", "PICLOUD_MAX_BUFFERED_BYTES=268435456")
	if err != nil {
		return errors.Join(err, log.err())
	}
	s := &soak{server: server, done: map[string]*tally{}}
	err = s.run(ctx, *duration, *workers)
	s.print(os.Stdout)
	if err == nil && *connections > 0 {
		fmt.Printf("\n%d connections, half of them hostile:\n", *connections)
		overload := &soak{server: server, done: map[string]*tally{}, log: &log}
		err = overload.overload(ctx, *duration, *connections)
		overload.print(os.Stdout)
	}
	return errors.Join(err, server.Stop(), log.err())
}
