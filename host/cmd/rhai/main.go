// Command rhai is for people who work on the language: it runs scripts, shows
// their code and measures them, in this process or in the sandbox.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

type cli struct {
	Run    runCmd    `cmd:"" help:"Run a script and print its value."`
	Repl   replCmd   `cmd:"" help:"Type scripts line by line."`
	Disasm disasmCmd `cmd:"" help:"Show the code a script compiles to."`
	Batch  batchCmd  `cmd:"" help:"Run many scripts, one JSON object a line, and print their outcomes."`
	Bench  benchCmd  `cmd:"" help:"Measure a script: best of several runs, in milliseconds."`
}

func main() {
	var c cli
	ctx := kong.Parse(&c, kong.Name("rhai"), kong.Description("Tools for the Rhai language."), kong.UsageOnError(), kong.Vars{"home": home()})
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func home() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return "."
	}
	return dir
}
