package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/picloud/picloud/host/client"
)

// Confirmation is the flag of commands that ask before they delete, or replace what runs: all that are called
// delete, remove, revoke, clear or purge, and some more.
type Confirmation struct {
	Yes bool `short:"y" help:"Do not ask. Needed where standard input is not a terminal."`
}

// amount is a number of things of one kind.
type amount struct {
	n    int64
	kind string // of one
	most int64  // is as many or more; 0: all are counted
}

// present writes those amounts that are not none, as in "3 routes".
func present(amounts []amount) (written []string) {
	for _, a := range amounts {
		if a.n == 0 {
			continue
		}
		least := ""
		if a.most != 0 && a.n >= a.most {
			least = "at least "
		}
		written = append(written, least+plural(a.n, a.kind))
	}
	return written
}

// plural writes a number of things, as in "1 route" and "3 routes".
func plural[N ~int | ~int64](n N, kind string) string {
	if n != 1 {
		kind += "s"
	}
	return fmt.Sprintf("%d %s", n, kind)
}

// confirm asks on the terminal whether to go on. Where there is none it fails at once: a program
// that cannot answer must not wait for ever, nor be taken for somebody who agreed.
func (cmd *Confirmation) confirm(ctx context.Context, r *Remote, format string, args ...any) error {
	return cmd.ask(ctx, r, "[y/N]", fmt.Sprintf(format, args...), "y", "yes")
}

// confirmName is confirm for what holds much: its name is asked for.
func (cmd *Confirmation) confirmName(ctx context.Context, r *Remote, name, format string, args ...any) error {
	return cmd.ask(ctx, r, "Type "+client.Printable(name)+" to go on:", fmt.Sprintf(format, args...), name)
}

// ask puts a question, to which some words agree.
func (cmd *Confirmation) ask(ctx context.Context, r *Remote, how, question string, agree ...string) error {
	if cmd.Yes {
		return nil
	}
	question = client.Printable(question)
	if file, ok := r.stdin.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return &usageError{fmt.Errorf("%s Standard input is not a terminal to ask on: pass --yes", question)}
	}
	fmt.Fprintf(r.stderr, "%s %s ", question, how)
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r.stdin).ReadString('\n') // no line is a no
		answers <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(r.stderr)
		return fmt.Errorf("%w: nothing is changed", errInterrupted)
	case answer := <-answers:
		if slices.Contains(agree, strings.ToLower(strings.TrimSpace(answer))) {
			return nil
		}
		return errors.New("nothing is changed")
	}
}
