package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// notices are where a command says what is wrong, beside its result: lines for people, or with
// --output json an object a line.
type notices struct {
	w    io.Writer
	json bool
	// login says what helps where the server does not know the token any more; "" if nobody knows.
	login string
}

// warn tells of what went another way than may be expected.
func (n *notices) warn(format string, args ...any) {
	text := client.Printable(fmt.Sprintf(format, args...))
	if n.json {
		n.print(map[string]string{"warning": text})
		return
	}
	fmt.Fprintln(n.w, paint(n.w, yellow, "warning: ")+text)
}

// fail tells why the command failed.
func (n *notices) fail(err error) {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && len(refused.Errors) == 0 && n.login != "" {
		err = fmt.Errorf("%w: %s", err, n.login) // not of a code or password, which would name its field
	}
	switch {
	case n.json:
		n.print(map[string]failure{"error": newFailure(err)})
		return
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(n.w, "picloud: "+err.Error())
		return
	}
	fmt.Fprintln(n.w, paint(n.w, red, "picloud: error: ")+err.Error())
}

func (n *notices) print(value any) {
	encoder := json.NewEncoder(n.w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // to whom would it be told?
}

// A failure is an error for programs.
type failure struct {
	// Code says what kind of error it is: one of the server, or usage, not_logged_in, unreachable,
	// no_match, damaged, interrupted; absent for others.
	Code    string            `json:"code,omitempty"`
	Message string            `json:"message"`
	Status  int               `json:"status,omitempty"` // of the server's answer
	Errors  []wire.FieldError `json:"errors,omitempty"` // each thing that is wrong
	Other   string            `json:"other,omitempty"`  // id of what is in the way
	Script  *caret.Error      `json:"script,omitempty"` // the place in a script
}

func newFailure(err error) failure {
	f := failure{Message: err.Error()}
	var (
		refused     *client.Error
		unreachable *client.UnreachableError
		place       *caret.Error
		usage       *usageError
		notLoggedIn *notLoggedInError
		noMatch     errNoMatch
		noScript    *noSuchScriptError
		noApp       *manifest.NoAppError
		noContext   *noSuchContextError
		partly      *partlyError
	)
	switch {
	case errors.As(err, &place):
		f.Code, f.Message, f.Script = place.Code, client.Printable(place.Message), place
	case errors.As(err, &refused):
		f.Code, f.Status, f.Errors, f.Other = refused.Code, refused.Status, refused.Errors, refused.Other
	case errors.As(err, &unreachable):
		f.Code = "unreachable"
	case errors.Is(err, errInterrupted):
		f.Code = "interrupted"
	case errors.As(err, &notLoggedIn):
		f.Code = "not_logged_in"
	case errors.As(err, &partly):
		f.Code = "damaged"
	case errors.As(err, &noMatch):
		f.Code = "no_match"
	case errors.As(err, &noScript), errors.As(err, &noApp), errors.As(err, &noContext):
		f.Code = "not_found"
	}
	if errors.As(err, &usage) {
		f.Code = "usage"
	}
	return f
}

// wantsJSON reports whether the arguments ask for JSON: what is wrong with arguments is told in the
// same form, although they cannot be parsed then.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		switch {
		case arg == "--":
			return false
		case arg == "--output=json" || arg == "-ojson" || arg == "-o=json":
			return true
		case (arg == "--output" || arg == "-o") && i+1 < len(args) && strings.TrimSpace(args[i+1]) == "json":
			return true
		}
	}
	return false
}
