package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/picloud/picloud/host/client"
)

// A scriptError is an error at a place in a script. Its text shows the line and
// a caret below the column:
//
//	greet.rhai:3:9: Expecting ';' to terminate this statement
//	  3 | let x = 1 let y
//	    |           ^
type scriptError struct {
	Name       string // file or script
	Line       int    // from 1; 0 when unknown
	Column     int    // in characters from 1; 0 when unknown
	Message    string
	SourceLine string // "" when unknown
}

func (e *scriptError) Error() string {
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

// snippet draws a line of source and, unless column is 0, a caret below the
// column. A long line is cut to the column's neighbourhood.
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

// padding is as wide on a terminal as text: a tab stays a tab, a wide character
// becomes two spaces, a combining one none.
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

// lineOf is the line of source with that number, from 1, or "".
func lineOf(source string, number int) string {
	for line := range strings.SplitSeq(source, "\n") {
		if number--; number == 0 {
			return strings.TrimSuffix(line, "\r")
		}
	}
	return ""
}

// checkUTF8 tells where source stops being UTF-8.
func checkUTF8(name, source string) error {
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
	return &scriptError{Name: name, Line: line, Column: column, Message: "not valid UTF-8"}
}
