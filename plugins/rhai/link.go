package rhai

import (
	"slices"
	"strconv"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// MaxImportDepth is how deep modules may import one another.
const MaxImportDepth = 8

// Modules are the sources of what a script can import.
type Modules struct {
	// Source returns the text of a module. ok is false when there is none of that name.
	Source func(name string) (text string, ok bool)
	// Lazy leaves an import to fail when it is reached, if its module is not there or is not named
	// by a string literal.
	Lazy bool
	// Most is how many modules there may be, those that modules import included. 0: any number.
	Most int64
}

// Link compiles the modules that a script imports, and those that they import, each once, and
// makes them known to it. Each import must name its module by a string literal. Cycles, unknown
// modules, modules that are more than constants, functions and imports, and too many modules are
// errors, as is a depth of more than MaxImportDepth.
func (c *Compiler) Link(script *vm.Program, modules Modules) *vm.Error {
	l := &linker{Compiler: c, Modules: modules, linked: map[string]*vm.Program{}, heights: map[string]int{}}
	script.Modules = l.linked
	_, err := l.link(script, nil)
	return err
}

// TooManyModules returns the error of a script that imports more modules than it may.
func TooManyModules(most int64) *vm.Error {
	e := invalid("Too many modules imported: more than " + strconv.FormatInt(most, 10))
	e.Limit = "max_modules"
	return e
}

type linker struct {
	*Compiler
	Modules
	linked  map[string]*vm.Program
	heights map[string]int // of modules that are linked: 1 for one that imports nothing
}

// link compiles what p imports and returns the height of that. path names the modules from the
// script to p.
func (l *linker) link(p *vm.Program, path []string) (height int, err *vm.Error) {
	for _, i := range p.Imports {
		h, err := l.module(i, path)
		if err != nil {
			return 0, err.At(i.Position)
		}
		height = max(height, h)
	}
	return height, nil
}

func (l *linker) module(i vm.Import, path []string) (height int, err *vm.Error) {
	if i.Name == "" && l.Lazy {
		return 0, nil
	}
	if i.Name == "" {
		return 0, invalid("The name of an imported module must be a string literal that is not empty")
	}
	outer := slices.Index(path, i.Name)
	path = append(path, i.Name)
	if outer >= 0 {
		return 0, invalid("Import cycle: " + strings.Join(path[outer:], " -> "))
	}
	if len(path)+max(l.heights[i.Name]-1, 0) > MaxImportDepth {
		return 0, invalid("Imports nested more than " + strconv.Itoa(MaxImportDepth) + " deep: " + strings.Join(path, " -> "))
	}
	if h, linked := l.heights[i.Name]; linked {
		return h, nil
	}
	if l.Most > 0 && int64(len(l.linked)) >= l.Most {
		return 0, TooManyModules(l.Most)
	}
	text, ok := l.Source(i.Name)
	if !ok && l.Lazy {
		return 0, nil
	}
	if !ok {
		return 0, vm.ModuleNotFoundError(i.Name)
	}
	m, err := l.Module(text)
	if err == nil {
		m.Name = i.Name
		l.linked[i.Name] = m
		height, err = l.link(m, path)
	}
	if err != nil && err.Variant == vm.ErrorParsing && err.Position.IsKnown() {
		err = &vm.Error{Variant: vm.ErrorParsing, Text: "in module '" + i.Name + "'", Inner: err}
	}
	l.heights[i.Name] = height + 1
	return height + 1, err
}
