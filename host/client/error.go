package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/picloud/picloud/host/api/wire"
)

// Error is an answer with a status of 400 or above, as the server explained it.
type Error struct {
	wire.Problem
}

// Error returns the problem's detail and what is wrong with each field, fit for a terminal. Fields are named as in
// the body: that they are in it is for programs.
func (e *Error) Error() string {
	text := strings.TrimPrefix(e.Detail, "body.")
	if text == "" {
		text = fmt.Sprintf("the server answered %d %s", e.Status, e.Title)
	}
	for _, field := range e.Errors {
		if !strings.Contains(text, field.Message) { // the detail may be the first field's message
			text += "; " + field.Field() + ": " + field.Message
		}
		if value := got(field.Value); !strings.Contains(text, value) { // nor is the value told twice
			text += value
		}
	}
	return Printable(text)
}

// got returns the value at fault as text, "" if it would bury the message.
func got(value any) string {
	const maxValue = 200 // bytes
	text, err := json.Marshal(value)
	if value == nil || value == "" || err != nil || len(text) > maxValue {
		return ""
	}
	return ", got " + string(text)
}

// refusal returns the error for an answer that is not a success. A server that is not PiCloud may
// send anything; the error then has only the status, because the text is a stranger's. An app that is not
// there is named: the server only says that it has been asked for one.
func refusal(resp *http.Response, answer []byte) error {
	var e Error
	if err := json.Unmarshal(answer, &e.Problem); err != nil || e.Status == 0 {
		e.Problem = wire.Problem{Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode}
	}
	if rest, ok := strings.CutPrefix(e.Detail, "app not found"); ok {
		_, path, _ := strings.Cut(resp.Request.URL.Path, adminPath)
		if app, _ := slugOf(strings.Split(path, "/")); app != "" {
			e.Detail = "there is no app " + app + rest
		}
	}
	return &e
}

// HasStatus reports whether err is an [*Error] with that HTTP status.
func HasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// Printable returns s with control characters other than line feed and tab replaced: what a server
// or a script wrote must not steer the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
