package compiler

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain makes this program the one that compiles, when it is called so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile" {
		var a Arguments
		flags := flag.NewFlagSet("compile", flag.ExitOnError)
		flags.StringVar(&a.Dir, "dir", "", "")
		flags.DurationVar(&a.Bounds.CPU, "cpu", 0, "")
		flags.Int64Var(&a.Bounds.MemoryMB, "memory-mb", 0, "")
		_ = flags.Parse(os.Args[2:])
		if err := Main(a, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
