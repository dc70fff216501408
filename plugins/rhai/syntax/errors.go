package syntax

import "strconv"

// ParseError says why a source is no program, in Rhai's words.
type ParseError struct {
	Message  string   // without the position
	Position Position // unknown for the errors that Rhai raises about a text as a whole
	// Incomplete: the source ended too early, so that more of it may mend it.
	Incomplete bool
}

// Error returns the message with its position: "Script is incomplete (line 1, position 5)".
func (e *ParseError) Error() string {
	if !e.Position.IsKnown() {
		return e.Message
	}
	return e.Message + " (" + e.Position.String() + ")"
}

// String returns the position as Rhai writes it: "line 1, position 5", or "none".
func (p Position) String() string {
	if !p.IsKnown() {
		return "none"
	}
	return "line " + strconv.Itoa(int(p.Line)) + ", position " + strconv.Itoa(int(p.Column))
}

// fail notes the error and returns false.
func (p *parser) fail(pos Position, message string) bool {
	p.err = &ParseError{
		Message:    message,
		Position:   pos,
		Incomplete: p.has && p.tok.kind == tokEOF || p.last == tokEOF || p.scanner.openText,
	}
	return false
}

// missing: Expecting 'token' to do something.
func (p *parser) missing(pos Position, expected kind, why string) bool {
	return p.fail(pos, "Expecting '"+tokens[expected].text+"' "+why)
}

// unexpected: this token cannot stand here.
func (p *parser) unexpected(t *token) bool {
	return p.fail(t.pos, "Unexpected '"+t.describe()+"'")
}

// lexError passes on what the scanner complained of.
func (p *parser) lexError(t *token) bool { return p.fail(t.pos, t.text) }

// reserved: the word or symbol is not for scripts to use.
func (p *parser) reserved(pos Position, text string) bool {
	if isIdentifier(text) {
		return p.fail(pos, "'"+text+"' is a reserved keyword")
	}
	return p.fail(pos, "'"+text+"' is a reserved symbol")
}

// tooLarge: a literal over one of the limits.
func tooLarge(what string, limit int) string {
	return what + " exceeds the maximum limit (" + strconv.Itoa(limit) + ")"
}

// The messages that do not depend on what was found.
const (
	msgIncomplete       = "Script is incomplete"
	msgTooDeep          = "Expression exceeds maximum complexity"
	msgProperty         = "Expecting name of a property"
	msgVariable         = "Expecting name of a variable"
	msgNestedFunction   = "Function definitions must be at global level and cannot be inside a block or another function"
	msgFunctionName     = "Expecting function name in function declaration"
	msgNestedExport     = "Export statement can only appear at global level"
	msgBreak            = "Break statement should only be used inside a loop"
	msgStopped          = "Stopped"
	msgUnterminated     = "Open string is not terminated"
	msgAssignConstant   = "Cannot assign to a constant value"
	msgAssignExpression = "Expression cannot be assigned to"
	msgAssignTypo       = "Possibly a typo of '=='?"
	msgNumberAfterRange = "Numeric switch case cannot follow a range case"
	msgDefaultNotLast   = "Default switch case must be the last"
	msgDefaultGuard     = "This switch case cannot have a condition"
	msgMethodCapture    = "method-call style does not support running within the caller's scope"
)
