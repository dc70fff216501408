package main

import (
	"errors"
	"fmt"
	"os"
)

// Exit statuses of the command line.
const (
	exitOK     = 0
	exitFailed = 1 // the server refused, could not be reached, or the script failed
	exitUsage  = 2 // the command line, an environment variable or a manifest is wrong
)

// A usageError is a mistake on the command line that the parser cannot see.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// fail reports an error as it is, the lines below a place in a script included,
// and ends the process.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "picloud: error: "+err.Error())
	var usage *usageError
	if errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// exit ends the process for the parser, which has a status of its own for each
// of its errors.
func exit(status int) {
	if status != exitOK {
		status = exitUsage
	}
	os.Exit(status)
}
