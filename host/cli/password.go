package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// AskNewPassword returns a password that a user is to get: one typed twice at the terminal, without
// being shown, or the first line of standard input.
func AskNewPassword(ctx context.Context, username string, fromStdin bool) (string, error) {
	password, err := askPassword(ctx, os.Stdin, os.Stderr, fromStdin, "New password of "+username+": ")
	if err != nil || fromStdin {
		return password, err
	}
	again, err := askPassword(ctx, os.Stdin, os.Stderr, false, "The same again: ")
	if err == nil && again != password {
		err = errors.New("the two passwords differ: nothing is changed")
	}
	return password, err
}

// askPassword reads a password, from a line of stdin or from the terminal after a prompt.
func askPassword(ctx context.Context, stdin io.Reader, stderr io.Writer, fromStdin bool, prompt string) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		password := strings.TrimRight(line, "\r\n")
		if password == "" {
			return "", &usageError{errors.New("no password on standard input")}
		}
		return password, nil
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", &usageError{errors.New("standard input is not a terminal: use --password-stdin")}
	}
	fmt.Fprint(stderr, prompt)
	defer fmt.Fprintln(stderr)
	return readSilently(ctx, fd)
}

// readSilently reads a line from a terminal without showing it. The terminal is as before when it
// returns, also when ctx ends first.
func readSilently(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		password, err := term.ReadPassword(fd)
		answers <- answer{password, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("read the password: %w", a.err)
		}
		return string(a.password), nil
	}
}
