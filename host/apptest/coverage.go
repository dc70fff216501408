package apptest

import (
	"bufio"
	"fmt"
	"io"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/bridge"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Coverage is how often the lines of a script or module were reached.
type Coverage struct {
	File  string
	Lines []CoveredLine // those on which statements begin
}

// A CoveredLine is a line on which a statement begins.
type CoveredLine struct {
	Line  int
	Times int64
}

// Cover tells which lines of a script were reached, given how often those were that were. A script that does
// not compile has none.
func Cover(file, source string, module bool, reached map[int]int64) Coverage {
	c := Coverage{File: file}
	budget := vm.NewBudget(abi.DefaultCeiling.MaxOperations, nil, func() {})
	compiler := rhai.Compiler{Library: bridge.Library(), Variables: []string{"ctx"}, Budget: &budget, Cover: true}
	compile := compiler.Script
	if module {
		compile = compiler.Module
	}
	program, err := compile(source)
	if err != nil {
		return c
	}
	for line, times := range program.Covered {
		if times >= 0 {
			c.Lines = append(c.Lines, CoveredLine{line, reached[line]})
		}
	}
	return c
}

// Reached returns how many lines were.
func (c Coverage) Reached() (n int) {
	for _, l := range c.Lines {
		if l.Times > 0 {
			n++
		}
	}
	return n
}

// Percent is the part of lines that were reached; 100 of none.
func Percent(reached, lines int) float64 {
	if lines == 0 {
		return 100
	}
	return 100 * float64(reached) / float64(lines)
}

// LCOV writes what was covered as lcov's geninfo does, for programs that show it.
func LCOV(w io.Writer, all []Coverage) error {
	b := bufio.NewWriter(w)
	for _, c := range all {
		fmt.Fprintf(b, "TN:\nSF:%s\n", c.File)
		for _, l := range c.Lines {
			fmt.Fprintf(b, "DA:%d,%d\n", l.Line, l.Times)
		}
		fmt.Fprintf(b, "LF:%d\nLH:%d\nend_of_record\n", len(c.Lines), c.Reached())
	}
	return b.Flush()
}
