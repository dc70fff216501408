package main

import "strings"

// role is what a node stands for, which decides how it can be made smaller.
type role uint8

const (
	fragment   role = iota // text that only makes sense within its parent
	expression             // can be replaced by an expression within it, or by a literal
	statement              // can be replaced by statements within it
	list                   // any of its parts can be left out
)

// node is a piece of a program: texts and further nodes, in order. A list puts its
// separator between the parts.
type node struct {
	role  role
	sep   string
	parts []any // string or *node
}

func text(parts ...any) *node { return &node{parts: parts} }
func expr(parts ...any) *node { return &node{role: expression, parts: parts} }
func stmt(parts ...any) *node { return &node{role: statement, parts: parts} }

func join(sep string, nodes []*node) *node {
	n := &node{role: list, sep: sep}
	for _, p := range nodes {
		n.parts = append(n.parts, p)
	}
	return n
}

// String returns the source text.
func (n *node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	for i, p := range n.parts {
		if i > 0 {
			b.WriteString(n.sep)
		}
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case *node:
			p.write(b)
		}
	}
}

// children returns the nodes directly within n.
func (n *node) children() []*node {
	var out []*node
	for _, p := range n.parts {
		if c, ok := p.(*node); ok {
			out = append(out, c)
		}
	}
	return out
}

// nearest returns the nodes of a role within n that are not within another such one.
func (n *node) nearest(r role) []*node {
	var out []*node
	for _, c := range n.children() {
		if c.role == r {
			out = append(out, c)
		} else {
			out = append(out, c.nearest(r)...)
		}
	}
	return out
}
