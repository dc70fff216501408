package syntax

// names keeps track of what a name means at the place that is being parsed: as far as the parser
// has to know, to refuse assignments to constants and to find what closures capture.
//
// All variables of all functions that are open live on one stack. A function sees those above its
// base.
type names struct {
	ids     map[string]int32
	symbols []symbol
	stack   []binding
}

// symbol is all about one name.
type symbol struct {
	innermost int32 // index of the latest variable of this name on the stack, plus 1
	captured  int32 // the closure that has last noted this name as captured
	function  bool  // a script function of this name has been defined
}

// binding is a variable in scope.
type binding struct {
	symbol   int32
	outer    int32 // the binding it shadows, like symbol.innermost
	constant bool
}

// function is the state of the function, closure or script being parsed.
type function struct {
	base    int   // its first variable's place on the stack
	closure int32 // 0: no closure, captures nothing
	// noPipe: | ends an expression, for it separates the patterns of a switch case.
	noPipe   bool
	captures []capture
}

// capture is a variable that a closure takes from around it.
type capture struct {
	Ident
	symbol int32
	before int32 // symbol.captured before
}

func (n *names) id(name string) int32 {
	if id, ok := n.ids[name]; ok {
		return id
	}
	if n.ids == nil {
		n.ids = make(map[string]int32, 32)
	}
	id := int32(len(n.symbols))
	n.ids[name] = id
	n.symbols = append(n.symbols, symbol{})
	return id
}

// declare brings a variable into scope.
func (n *names) declare(name string, constant bool) {
	id := n.id(name)
	n.stack = append(n.stack, binding{symbol: id, outer: n.symbols[id].innermost, constant: constant})
	n.symbols[id].innermost = int32(len(n.stack))
}

// leave ends the scope of all but the first depth variables.
func (n *names) leave(depth int) {
	for len(n.stack) > depth {
		top := n.stack[len(n.stack)-1]
		n.symbols[top.symbol].innermost = top.outer
		n.stack = n.stack[:len(n.stack)-1]
	}
}

// declared reports whether name is a variable of the function.
func (p *parser) declared(name string) bool {
	id := p.names.id(name) // may grow symbols
	return int(p.names.symbols[id].innermost) > p.fn.base
}

// use notes that a variable is read or written, and returns its place on the stack plus 1, or 0.
func (p *parser) use(name string, pos Position) int32 {
	id := p.names.id(name)
	s := &p.names.symbols[id]
	if int(s.innermost) > p.fn.base {
		return s.innermost
	}
	if p.fn.closure != 0 && !s.function && s.captured != p.fn.closure {
		p.fn.captures = append(p.fn.captures, capture{Ident{name, pos}, id, s.captured})
		s.captured = p.fn.closure
	}
	return 0
}

// enter begins a function or closure.
func (p *parser) enter(closure bool) function {
	outer := p.fn
	p.fn = function{base: len(p.names.stack)}
	if closure {
		p.closures++
		p.fn.closure = p.closures
	}
	return outer
}

// exit ends it. What a closure captures its surroundings use.
func (p *parser) exit(outer function) []Ident {
	captures := p.fn.captures
	p.names.leave(p.fn.base)
	for _, c := range captures {
		p.names.symbols[c.symbol].captured = c.before
	}
	p.fn = outer
	if len(captures) == 0 {
		return nil
	}
	idents := make([]Ident, len(captures))
	for i, c := range captures {
		p.scanner.work(1)
		idents[i] = c.Ident
		p.use(c.Name, c.Position)
	}
	return idents
}
