package cli

import (
	"io"
	"os"
)

// Colours of what people should see first: SGR parameters of ECMA-48.
const (
	red    = "31"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

// paint colours a text that goes to w, if that is a terminal and its user has nothing against it
// (https://no-color.org).
func paint(w io.Writer, color, text string) string {
	if color == "" || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !terminal(w) {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
