// Package caret shows an error at its place in a script: the line, and a caret below the column.
package caret

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/picloud/picloud/host/client"
)

// An Error is an error at a place in a script. Its text shows the line and a caret below the
// column:
//
//	greet.rhai:3:9: Expecting ';' to terminate this statement
//	  3 | let x = 1 let y
//	    |           ^
type Error struct {
	Name       string `json:"name"`             // file or script
	Line       int    `json:"line,omitempty"`   // from 1; 0 when unknown
	Column     int    `json:"column,omitempty"` // in characters from 1; 0 when unknown
	Message    string `json:"message"`
	SourceLine string `json:"source_line,omitempty"` // "" when unknown
	Code       string `json:"-"`                     // for programs, as the server gives it; "" when there is none
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Name)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
	}
	b.WriteString(": " + client.Printable(e.Message))
	if e.Line > 0 && e.SourceLine != "" {
		b.WriteString("\n" + snippet(e.Line, e.Column, e.SourceLine))
	}
	return b.String()
}

// maxSnippet is the number of characters shown of a long line.
const maxSnippet = 120

// snippet draws a line of source and, unless column is 0, a caret below the column. A long line is
// cut to the column's neighbourhood.
func snippet(line, column int, source string) string {
	text := []rune(client.Printable(strings.TrimRight(source, "\r\n")))
	column = min(column, len(text)+1) // one past the end: where something is missing
	before, after := "", ""
	if len(text) > maxSnippet {
		start := min(max(column-1-maxSnippet/2, 0), len(text)-maxSnippet)
		if start > 0 {
			before = "…"
		}
		if start+maxSnippet < len(text) {
			after = "…"
		}
		text = text[start : start+maxSnippet]
		column = max(column-start, 0)
	}
	number := strconv.Itoa(line)
	drawn := fmt.Sprintf("  %s | %s%s%s", number, before, string(text), after)
	if column == 0 {
		return drawn
	}
	return fmt.Sprintf("%s\n  %*s | %s^", drawn, len(number), "", padding(before+string(text[:column-1])))
}

// padding returns blanks as wide on a terminal as text: a tab stays a tab, a wide character becomes
// two spaces, a combining one none.
func padding(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", runewidth.RuneWidth(r)))
	}
	return b.String()
}

// Line returns the line of source with that number, from 1, or "" if there is none.
func Line(source string, number int) string {
	for line := range strings.SplitSeq(source, "\n") {
		if number--; number == 0 {
			return strings.TrimSuffix(line, "\r")
		}
	}
	return ""
}

// CheckUTF8 returns an [*Error] at the place where source stops being UTF-8, or nil.
func CheckUTF8(name, source string) error {
	if utf8.ValidString(source) {
		return nil
	}
	line, column := 1, 1
	for i, r := range source {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(source[i:]); size == 1 {
				break
			}
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return &Error{Name: name, Line: line, Column: column, Message: "not valid UTF-8"}
}
