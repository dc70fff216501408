package main

import "time"

// shrink makes a program as small as it can within a time while keep holds for its text.
// It changes the tree in place.
func shrink(program *node, limit time.Duration, keep func(source string) bool) string {
	s := &shrinker{program: program, source: program.String(), keep: keep, until: time.Now().Add(limit)}
	for s.changed = true; s.changed; {
		s.changed = false
		s.visit(program)
	}
	return s.source
}

type shrinker struct {
	program *node
	source  string // the smallest so far
	keep    func(source string) bool
	until   time.Time
	changed bool
}

// try keeps n with other parts if the program still does what it is kept for.
func (s *shrinker) try(n *node, r role, sep string, parts []any) bool {
	before := *n
	n.role, n.sep, n.parts = r, sep, parts
	source := s.program.String()
	if len(source) < len(s.source) && time.Now().Before(s.until) && s.keep(source) {
		s.source, s.changed = source, true
		return true
	}
	*n = before
	return false
}

// literals are what any expression may shrink to, simplest first.
var literals = []string{"0", "()", "true", `""`, "[]", "#{}"}

func (s *shrinker) visit(n *node) {
	switch n.role {
	case list:
		for size := len(n.parts); size > 0; size /= 2 {
			for at := 0; at+size <= len(n.parts); {
				rest := append(append([]any{}, n.parts[:at]...), n.parts[at+size:]...)
				if !s.try(n, list, n.sep, rest) {
					at += size
				}
			}
		}
	case expression, statement:
		for s.replace(n) {
		}
	}
	for _, c := range n.children() {
		s.visit(c)
	}
}

// replace puts a part of n in its place.
func (s *shrinker) replace(n *node) bool {
	if n.role == expression {
		for _, l := range literals {
			if len(n.parts) == 1 && n.parts[0] == l {
				break
			}
			if s.try(n, expression, "", []any{l}) {
				return false
			}
		}
	}
	for _, c := range n.nearest(n.role) {
		if s.try(n, c.role, c.sep, c.parts) {
			return true
		}
	}
	if n.role == statement {
		for _, c := range n.nearest(list) {
			if s.try(n, list, c.sep, c.parts) {
				return false
			}
		}
	}
	return false
}
