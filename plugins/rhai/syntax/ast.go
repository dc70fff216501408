package syntax

import "strings"

// Position is a place in the source: a line and a column, both from 1. Columns
// count characters. The zero Position means "unknown".
type Position struct {
	Line   int32
	Column int32
}

// IsKnown reports whether p names a place.
func (p Position) IsKnown() bool { return p.Line > 0 }

// Program is a parsed script.
type Program struct {
	Body      []Stmt
	Functions []*Function // script functions in order of definition; closures are not among them
}

// Function is a script function or the body of a closure.
type Function struct {
	Name     string // "" for a closure
	ThisType string // of a typed method, as type_of returns it: "i64" for fn int.f() {}; else ""
	Params   []Ident
	Body     *Block
	Private  bool
	Comments []string // doc comments, each with its markers
	Position Position // of "fn" or of the closure's first bar
}

// Ident is a name and where it stands.
type Ident struct {
	Name     string
	Position Position
}

// Qualified returns a name with its path as it is written: a::b::name.
func Qualified(path []Ident, name string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteString(p.Name)
		b.WriteString("::")
	}
	b.WriteString(name)
	return b.String()
}

// Expr is an expression.
//
// Pos is what Rhai calls the position of an expression: an operator's own, a
// call's name, and for a chain of dots and indexes that of the chain's first
// dot or bracket (each link has its own in its field Position). Start is
// what Rhai calls the starting position. That is the first token for most; but an
// operator other than && || ?? begins, for Rhai, at the operator, and a call at its name.
type Expr interface {
	Pos() Position
	Start() Position
}

// Stmt is a statement.
type Stmt interface {
	Pos() Position
}

// node carries the position that all nodes have.
type node struct{ Position Position }

func (n *node) Pos() Position   { return n.Position }
func (n *node) Start() Position { return n.Position }

// Literals and names.
type (
	// UnitLit is ().
	UnitLit struct{ node }
	// BoolLit is true or false.
	BoolLit struct {
		node
		Value bool
	}
	// IntLit is an integer in any radix.
	IntLit struct {
		node
		Value int64
	}
	// FloatLit is a floating-point number.
	FloatLit struct {
		node
		Value float64
	}
	// CharLit is 'c'.
	CharLit struct {
		node
		Value rune
	}
	// StringLit is a string without interpolation, its escapes resolved.
	StringLit struct {
		node
		Value string
	}
	// Interpolation is `text ${ block } text`: StringLit and StmtExpr parts, in order.
	Interpolation struct {
		node
		Parts []Expr
	}
	// ArrayLit is [a, b].
	ArrayLit struct {
		node
		Elems []Expr
	}
	// MapLit is #{key: value}; keys are unique.
	MapLit struct {
		node
		Keys   []Ident
		Values []Expr
	}
	// Variable is a name, qualified as in a::b::name when Path is not empty.
	// Outside of a call it may also name a script function.
	Variable struct {
		node // of the name; Start is the first path element's
		Path []Ident
		Name string
		// binding is the variable's place among those in scope, plus 1, where the
		// parser knows it: to refuse assignments to constants.
		binding int32
	}
	// This is the keyword this.
	This struct{ node }
)

// Start returns where the path begins.
func (v *Variable) Start() Position {
	if len(v.Path) > 0 {
		return v.Path[0].Position
	}
	return v.Position
}

// Compound expressions.
type (
	// Call is name(args), qualified when Path is not empty. CaptureScope is
	// name!(args): it runs in the caller's scope. Start, too, is the name's position.
	Call struct {
		node         // of the name
		Path         []Ident
		Name         string
		Args         []Expr
		CaptureScope bool
	}
	// Unary is -x, +x or !x; its position is the operator's.
	Unary struct {
		node
		Op      Operator
		Operand Expr
	}
	// Binary is any binary operator, also in, !in, the ranges, the logical ones
	// and ??. Its position is the operator's; in a chain of && it is that of the
	// first one, as Rhai keeps the chain as one node; so with || and ??. The open start of
	// a range is the integer 0 at the operator, its open end is nil: Rhai takes it for
	// unit, which in a range of integers means the largest integer.
	Binary struct {
		node
		Op          Operator
		Left, Right Expr
	}
	// Property is base.name, or base?.name when Elvis.
	Property struct {
		node  // of the dot
		Base  Expr
		Name  Ident
		Elvis bool
	}
	// MethodCall is base.name(args), or base?.name(args) when Elvis.
	MethodCall struct {
		node  // of the dot
		Base  Expr
		Name  Ident
		Args  []Expr
		Elvis bool
	}
	// Index is base[index], or base?[index] when Elvis.
	Index struct {
		node  // of the bracket
		Base  Expr
		Index Expr
		Elvis bool
	}
	// Closure is |params| body. Captures lists, in order of their first mention,
	// the names its body (closures in it included) uses without declaring them and that are not
	// script functions known at that place: Rhai shares those at creation.
	Closure struct {
		node
		Func     *Function
		Captures []Ident
	}
	// StmtExpr is a statement in the place of an expression: a block, if, switch, a
	// loop, or return, throw and break after ??.
	StmtExpr struct {
		node
		Stmt Stmt
	}
)

// Start returns the left operand's for && || and ??, and the operator's own for all others.
func (b *Binary) Start() Position {
	switch b.Op {
	case OpAnd, OpOr, OpCoalesce:
		return b.Left.Start()
	}
	return b.Position
}

// Start returns the base's.
func (p *Property) Start() Position { return p.Base.Start() }

// Start returns the base's.
func (m *MethodCall) Start() Position { return m.Base.Start() }

// Start returns the base's.
func (i *Index) Start() Position { return i.Base.Start() }

// Pos returns the first dot or bracket of the chain that ends here.
func (p *Property) Pos() Position { return chainStart(p.Base, p.Position) }

// Pos returns the first dot or bracket of the chain that ends here.
func (m *MethodCall) Pos() Position { return chainStart(m.Base, m.Position) }

// Pos returns the first dot or bracket of the chain that ends here.
func (i *Index) Pos() Position { return chainStart(i.Base, i.Position) }

// chainStart returns the position of the first link of the chain base, or pos if base is no link.
func chainStart(base Expr, pos Position) Position {
	switch base.(type) {
	case *Property, *MethodCall, *Index:
		return base.Pos()
	}
	return pos
}

// Statements.
type (
	// Block is { statements }; its position is the opening brace's.
	Block struct {
		node
		Stmts []Stmt
		End   Position // of the closing brace
	}
	// ExprStmt is an expression as a statement.
	ExprStmt struct {
		Expr Expr
	}
	// Noop is an empty statement, a lone semicolon.
	Noop struct{ node }
	// Let declares a variable, or a constant when Const. Value may be nil: unit.
	// Export is export let or export const.
	Let struct {
		node   // of the keyword
		Name   Ident
		Value  Expr
		Const  bool
		Export bool
	}
	// Assign is target op= value; Op is OpNone for a plain assignment. Its position is
	// the operator's.
	Assign struct {
		node
		Op     Operator
		Target Expr // Variable, This, Index, Property
		Value  Expr
	}
	// If is if condition block else ...; Else is nil, a *Block or an *If.
	If struct {
		node
		Cond Expr
		Then *Block
		Else Stmt
	}
	// Switch is switch subject { cases }.
	Switch struct {
		node
		Subject Expr
		Cases   []*SwitchCase
		Default Expr // nil: none; else of the arm _
	}
	// While is while condition block, or loop block when Cond is nil.
	While struct {
		node
		Cond Expr
		Body *Block
	}
	// DoLoop is do block while condition, or until when Until.
	DoLoop struct {
		node
		Body  *Block
		Cond  Expr
		Until bool
	}
	// For is for name in subject block, or for (name, counter) in.
	For struct {
		node
		Name    Ident
		Counter Ident // Name is "" when absent
		Subject Expr
		Body    *Block
	}
	// Break leaves the innermost loop, Value may be nil.
	Break struct {
		node
		Value Expr
	}
	// Continue starts the innermost loop's next iteration.
	Continue struct{ node }
	// Return leaves the function or script, Value may be nil.
	Return struct {
		node
		Value Expr
	}
	// Throw raises Value, nil means unit.
	Throw struct {
		node
		Value Expr
	}
	// Try is try block catch (name) block; Var.Name is "" when absent.
	Try struct {
		node
		Body  *Block
		Var   Ident
		Catch *Block
	}
	// Import is import path as alias; Alias.Name is "" when absent.
	Import struct {
		node
		Path  Expr
		Alias Ident
	}
	// Export is export name as alias; Alias.Name is "" when absent.
	Export struct {
		node
		Name  Ident
		Alias Ident
	}
)

// SwitchCase is one arm: its patterns, its guard (nil when absent) and its body.
type SwitchCase struct {
	// Patterns are constants: literals (arrays, maps and closures that capture nothing included),
	// Binary ranges of integer literals, or a Call of Fn with a literal name.
	Patterns []Expr
	Guard    Expr
	Body     Expr // a StmtExpr when the arm is a block or statement
	Position Position
}

// Pos returns the expression's Start, as Rhai has it.
func (s *ExprStmt) Pos() Position { return s.Expr.Start() }

// Operator is a unary, binary or assignment operator.
type Operator uint8

// The operators. An assignment operator is named by the operator it applies.
const (
	OpNone Operator = iota
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpPow
	OpShl
	OpShr
	OpBitAnd
	OpBitOr
	OpBitXor
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	OpAnd      // &&
	OpOr       // ||
	OpCoalesce // ??
	OpIn
	OpNotIn
	OpRange          // ..
	OpRangeInclusive // ..=
	OpNot            // unary !
	OpNeg            // unary -
	OpPos            // unary +
)

var operatorNames = [...]string{
	OpNone: "=", OpAdd: "+", OpSub: "-", OpMul: "*", OpDiv: "/", OpMod: "%", OpPow: "**", OpShl: "<<", OpShr: ">>",
	OpBitAnd: "&", OpBitOr: "|", OpBitXor: "^", OpEq: "==", OpNe: "!=", OpLt: "<", OpLe: "<=", OpGt: ">", OpGe: ">=",
	OpAnd: "&&", OpOr: "||", OpCoalesce: "??", OpIn: "in", OpNotIn: "!in", OpRange: "..", OpRangeInclusive: "..=",
	OpNot: "!", OpNeg: "-", OpPos: "+",
}

// String returns the operator as it is written.
func (o Operator) String() string { return operatorNames[o] }
