package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/picloud/picloud/host/client"
)

// Confirmation is the flag of commands that ask before they delete what holds other things, or replace
// what runs.
type Confirmation struct {
	Yes bool `short:"y" help:"Do not ask. Needed where standard input is not a terminal."`
}

// confirm asks on the terminal whether to go on. Where there is none it fails at once: a program
// that cannot answer must not wait for ever, nor be taken for somebody who agreed.
func (cmd *Confirmation) confirm(ctx context.Context, r *Remote, format string, args ...any) error {
	if cmd.Yes {
		return nil
	}
	question := client.Printable(fmt.Sprintf(format, args...))
	if file, ok := r.stdin.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return &usageError{fmt.Errorf("%s Standard input is not a terminal to ask on: pass --yes", question)}
	}
	fmt.Fprintf(r.stderr, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r.stdin).ReadString('\n') // no line is a no
		answers <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(r.stderr)
		return errors.New("interrupted: nothing is changed")
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return errors.New("nothing is changed")
	}
}
