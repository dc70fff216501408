package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/picloud/picloud/host/reference"
)

// HelpCmd shows the reference, which is part of the program.
type HelpCmd struct {
	Name        []string `arg:"" optional:"" help:"What to read about: a function (kv.set), a module (kv), a subject (filters) or a command (deploy); all there is when absent." complete:"reference"`
	Definitions bool     `help:"Print what scripts can use as a definition file for Rhai's language server."`
}

// Help is shown by --help.
func (HelpCmd) Help() string {
	return `It needs no server. The same pages are at /api/v1/reference of each server.`
}

// Run is `picloud help`.
func (cmd *HelpCmd) Run(command *kong.Context) error {
	name := strings.Join(cmd.Name, " ")
	if cmd.Definitions {
		if name != "" {
			return &usageError{errors.New("--definitions takes no name")}
		}
		_, err := io.WriteString(command.Stdout, reference.Definitions())
		return err
	}
	if name == "" {
		name = reference.Index
	}
	text, similar, ok := reference.Find(name)
	also := commandNamed(command.Model.Node, cmd.Name)
	switch {
	case ok && also != nil && name != "help":
		text += fmt.Sprintf("\n`picloud %s --help` tells of the command.\n", name)
	case !ok && also != nil, name == "help":
		asked, err := kong.Trace(command.Kong, cmd.Name)
		if err != nil {
			return err
		}
		return asked.PrintUsage(false)
	case !ok && len(similar) > 0:
		return &usageError{fmt.Errorf("there is nothing about %q; did you mean %s?", name, strings.Join(similar, " or "))}
	case !ok:
		return &usageError{fmt.Errorf("there is nothing about %q; picloud help lists what there is", name)}
	}
	return typeset(command.Stdout, text)
}

// commandNamed finds a command by its words, nil if there is none.
func commandNamed(in *kong.Node, words []string) *kong.Node {
	if len(words) == 0 {
		return nil
	}
	for _, word := range words {
		var found *kong.Node
		for _, child := range in.Children {
			if child.Name == word && !child.Hidden {
				found = child
			}
		}
		if in = found; in == nil {
			return nil
		}
	}
	return in
}

// Widths of a page, in characters.
const (
	pageWidth    = 100 // at most, and where there is no terminal
	minPageWidth = 40
)

// widthOf is how wide lines may be that go to w.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return max(minPageWidth, min(columns, pageWidth))
		}
	}
	return pageWidth
}
