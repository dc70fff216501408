// Command soak is PiCloud's endurance test. It runs a server for a while with good and hostile
// scripts of two apps, more at once than the server admits, and checks that
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
	duration := flag.Duration("for", 10*time.Minute, "how long")
	workers := flag.Int("workers", 48, "clients at once; the server admits 32 executions")
	flag.Parse()
	if *duration < 5*time.Second || *workers < 1 {
		return errors.New("-for must be at least 5s and -workers at least 1")
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
	server, err := process.PiCloud(ctx, program, data, &log, "PICLOUD_LOG_LEVEL=error")
	if err != nil {
		return errors.Join(err, log.err())
	}
	s := &soak{server: server, done: map[string]*tally{}}
	err = s.run(ctx, *duration, *workers)
	err = errors.Join(err, server.Stop(), log.err())
	s.print(os.Stdout)
	return err
}
