// Command bench measures PiCloud against its peers on one machine, in one run.
//
// For every figure it warms both sides up and then takes rounds in turn, one of ours, one of
// theirs: a machine that is busy for a while is busy for both. A figure is the median of the
// rounds, with the lowest and the highest; a ratio is the median of the rounds' ratios. It prints
// one table and writes everything, every round included, to results.json. From that it makes what
// people read: the chart, FIGURES.md and the figures in the README.
//
// The load goes to servers that it starts itself on loopback. The load generator's own work is part
// of what the processors do, for each side alike.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings say how thoroughly to measure.
type settings struct {
	root   string        // the repository
	rounds int           // of each figure, on each side
	load   time.Duration // of one round of HTTP load
	warmup time.Duration // of HTTP load, before the first round

	executions int // of a round in the sandbox
	waiting    int // events, for a claim among many

	profile string // where perf's record of PiCloud under HTTP load goes; "": none is made
}

// A section measures a group of figures and adds them to the report. A peer that is missing on this
// machine is a note, not an error.
type section struct {
	name    string
	measure func(context.Context, settings, *report) error
	asked   bool // measured only when it is asked for: its figures are for who works on the interpreter
}

var sections = []section{
	{name: "start", measure: measureStart},
	{name: "sandbox", measure: measureSandbox},
	{name: "engine", measure: measureEngine},
	{name: "builtins", measure: measureBuiltins, asked: true},
	{name: "http", measure: measureHTTP},
	{name: "growth", measure: measureGrowth},
	{name: "scale", measure: measureScale},
	{name: "services", measure: measureServices},
	{name: "events", measure: measureEvents},
	{name: "plugins", measure: measurePlugins},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareFiberCommand {
		bareFiber(os.Args[2:])
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	main, args := run, os.Args[1:]
	if len(args) > 0 && args[0] == eventsNodeCommand {
		main, args = eventsNode, args[1:]
	}
	if err := main(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var names, usual []string
	for _, s := range sections {
		names = append(names, s.name)
		if !s.asked {
			usual = append(usual, s.name)
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	root := flags.String("root", "../..", "the repository")
	out := flags.String("out", "", "folder for results.json and what is made of it; by default this one, or bin for a quick run, a profile, and sections that no other run measures")
	figures := flags.Bool("figures", false, "measure nothing, make chart.svg, FIGURES.md and the README's figures from results.json")
	quick := flags.Bool("quick", false, "one short round of everything: shows that the harness works, measures nothing")
	only := flags.String("only", strings.Join(usual, ","), "sections to measure, of "+strings.Join(names, ","))
	profile := flags.String("profile", "", "file for perf's record of PiCloud while 32 connections ask; read it with perf report -i FILE --children")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen := strings.Split(*only, ",")
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-only: there is no section %q, only %s", name, strings.Join(names, ", "))
		}
	}
	s := settings{root: *root, rounds: 5, load: 2 * time.Second, warmup: time.Second, executions: 20_000, waiting: 1_000_000, profile: *profile}
	if *quick {
		s.rounds, s.load, s.warmup, s.executions, s.waiting = 1, 200*time.Millisecond, 100*time.Millisecond, 1000, 100_000
	}
	readme := filepath.Join(s.root, "README.md")
	part := !slices.Equal(chosen, usual)
	if *out == "" && (*quick || *profile != "" || slices.ContainsFunc(chosen, func(name string) bool { return !slices.Contains(usual, name) })) {
		*out = "bin"
	}
	if *out != "" && *out != "." {
		readme = "" // it shows the figures of this folder
	}
	*out = cmp.Or(*out, ".")
	if *figures {
		return writeFigures(*out, readme)
	}
	if err := errors.Join(os.MkdirAll(*out, 0o755), build(ctx, s.root)); err != nil {
		return err
	}
	r := newReport(ctx, s)
	for _, section := range sections {
		if !slices.Contains(chosen, section.name) {
			continue
		}
		r.section = section.name
		fmt.Fprintf(os.Stderr, "measuring %s ...\n", section.name)
		began := time.Now()
		if err := section.measure(ctx, s, r); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", section.name, err), ctx.Err())
		}
		fmt.Fprintf(os.Stderr, "%s took %v\n", section.name, time.Since(began).Round(time.Second))
	}
	r.finish()
	r.print(os.Stdout)
	results := filepath.Join(*out, resultsFile)
	if part && !*quick {
		whole, err := readReport(results)
		switch {
		case err == nil:
			whole.renew(r, chosen)
			r = whole
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	if err := r.write(results); err != nil {
		return err
	}
	return writeFigures(*out, readme)
}
