package vm

import (
	"strconv"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Variant classifies an [Error] by the name that a script's catch sees as
// "error". The names are those of Rhai's EvalAltResult.
type Variant string

// The variants.
const (
	ErrorVariableNotFound     Variant = "ErrorVariableNotFound"
	ErrorVariableExists       Variant = "ErrorVariableExists"
	ErrorForbiddenVariable    Variant = "ErrorForbiddenVariable"
	ErrorPropertyNotFound     Variant = "ErrorPropertyNotFound"
	ErrorFunctionNotFound     Variant = "ErrorFunctionNotFound"
	ErrorModuleNotFound       Variant = "ErrorModuleNotFound"
	ErrorInFunctionCall       Variant = "ErrorInFunctionCall"
	ErrorInModule             Variant = "ErrorInModule"
	ErrorUnboundThis          Variant = "ErrorUnboundThis"
	ErrorMismatchDataType     Variant = "ErrorMismatchDataType"
	ErrorMismatchOutputType   Variant = "ErrorMismatchOutputType"
	ErrorIndexingType         Variant = "ErrorIndexingType"
	ErrorArrayBounds          Variant = "ErrorArrayBounds"
	ErrorStringBounds         Variant = "ErrorStringBounds"
	ErrorBitFieldBounds       Variant = "ErrorBitFieldBounds"
	ErrorIndexNotFound        Variant = "ErrorIndexNotFound"
	ErrorFor                  Variant = "ErrorFor"
	ErrorDataRace             Variant = "ErrorDataRace"
	ErrorAssignmentToConstant Variant = "ErrorAssignmentToConstant"
	ErrorNonPureMethodOnConst Variant = "ErrorNonPureMethodCallOnConstant"
	ErrorDotExpr              Variant = "ErrorDotExpr"
	ErrorArithmetic           Variant = "ErrorArithmetic"
	ErrorTooManyOperations    Variant = "ErrorTooManyOperations"
	ErrorTooManyModules       Variant = "ErrorTooManyModules"
	ErrorStackOverflow        Variant = "ErrorStackOverflow"
	ErrorDataTooLarge         Variant = "ErrorDataTooLarge"
	ErrorTerminated           Variant = "ErrorTerminated"
	ErrorRuntime              Variant = "ErrorRuntime"
	ErrorOperation            Variant = "ErrorOperation" // not Rhai's: of what the host provides
	ErrorParsing              Variant = "ErrorParsing"
	errorExit                 Variant = "Exit" // exit(v): not an error, ends the script with v
)

// Error is why a script's run ended. There is one type for all of them; a nil
// *Error is success.
type Error struct {
	Variant  Variant
	Text     string          // the message without position and call chain; "": made when Message is asked for
	Position syntax.Position // zero: not known (yet)
	Inner    *Error          // of ErrorInFunctionCall and ErrorInModule: what happened inside
	Called   string          // of ErrorInFunctionCall: the function
	Value    Value           // of ErrorRuntime: what was thrown; of exit: the result
	Fields   []Field         // what a catch map says besides error, message, line and position
	Limit    string          // of a limit's error: its name in abi.Limits
	unplaced bool            // Rhai's has no position at all
	place    place           // which of its instruction's positions it gets
	origin   origin
	source   string // of ErrorInFunctionCall: the module that Inner is in
}

// origin is where an error arose: Position is that of the outermost call that it ended.
type origin struct {
	program *Program // nil: not known (yet)
	at      syntax.Position
}

// Origin returns where in script, or in the module of it that is named, the error arose. It is not
// known of an error that did not arise in a run, or that arose in what eval compiled.
func (e *Error) Origin(script *Program) (module string, at syntax.Position, ok bool) {
	if e.origin.program == script {
		return "", e.origin.at, e.origin.at.IsKnown()
	}
	for name, program := range script.Modules {
		if program == e.origin.program {
			return name, e.origin.at, e.origin.at.IsKnown()
		}
	}
	return "", syntax.Position{}, false
}

// arise notes where the error arose, unless that is known: at an instruction of fn.
func (e *Error) arise(fn *Function, pc int32) {
	if e.origin.program != nil || fn.Eval {
		return
	}
	e.origin = origin{fn.Program, e.Position}
	if !e.Position.IsKnown() {
		e.origin.at = fn.position(pc, e.place)
	}
}

// place says which position of an instruction an error gets.
type place uint8

const (
	placeIndex   place = iota // the instruction's own: the index or name
	placeBracket              // the bracket or dot
	placeAssign               // the assignment's operator
)

// Field is a property of the map that catch makes of an error.
type Field struct {
	Name  string
	Value Value
}

// Error returns the whole text as Rhai prints it: the chain of calls from the inside
// out, each with its position.
func (e *Error) Error() string { return e.text("") }

// text returns Error, with the name of the module that the position is in.
func (e *Error) text(source string) string {
	text := e.Message()
	if source != "" {
		text += " @ '" + source + "'"
	}
	if e.Position.IsKnown() {
		text += " (" + positionText(e.Position) + ")"
	}
	return text
}

// Message returns what Error does, without the outermost position.
func (e *Error) Message() string {
	if e.Inner != nil {
		return e.Inner.text(e.source) + "\n" + e.ownText()
	}
	return e.ownText()
}

// ownText returns Text, or what it would be. Most errors that are caught are never shown.
func (e *Error) ownText() string {
	switch {
	case e.Text != "":
		return e.Text
	case e.Variant == ErrorRuntime:
		const text = "Runtime error"
		if v := e.Value; v.Kind() == KindUnit || v.Kind() == KindString && v.AsString() == "" {
			return text
		}
		return string(appendCut([]byte(text+": "), e.Value, rawDisplayForm))
	case e.Variant == ErrorInFunctionCall:
		return "in call to function '" + e.Called + "'" + from(e.source)
	}
	return ""
}

// from returns what names the module that a function is of.
func from(source string) string {
	if source == "" {
		return ""
	}
	return " (from '" + source + "')"
}

// fields returns what a catch map says besides error, message, line and position.
func (e *Error) fields() []Field {
	if e.Variant == ErrorInFunctionCall {
		return []Field{{"function", String(e.Called)}, {"source", String(e.source)}}
	}
	return e.Fields
}

func positionText(p syntax.Position) string {
	return "line " + strconv.Itoa(int(p.Line)) + ", position " + strconv.Itoa(int(p.Column))
}

// At gives e the position p if it has none yet.
func (e *Error) At(p syntax.Position) *Error {
	if e != nil && !e.Position.IsKnown() {
		e.Position = p
	}
	return e
}

func newError(v Variant, text string, fields ...Field) *Error {
	return &Error{Variant: v, Text: text, Fields: fields}
}

// ArithmeticError returns the error of an overflow, a division by zero and the like; text is the
// whole message.
func ArithmeticError(text string) *Error { return newError(ErrorArithmetic, text) }

// RuntimeError returns what throw raises. v must not change.
func RuntimeError(v Value) *Error {
	e := &Error{Variant: ErrorRuntime, Value: v}
	if !v.still() {
		e.Text = e.ownText()
	}
	return e
}

// still reports whether v will have the same text later, as far as that is soon found out: it is no
// function pointer, whose variables others may change, and holds none.
func (v Value) still() bool {
	const few = 16
	switch v.Kind() {
	case KindArray:
		a := v.AsArray()
		if !a.shared || len(a.Items) > few {
			return false
		}
		for i := range a.Items {
			if a.Items[i].Kind() > KindString {
				return false
			}
		}
		return true
	case KindMap:
		m := v.AsMap()
		if !m.shared || len(m.entries) > few {
			return false
		}
		for i := range m.entries {
			if m.entries[i].value.Kind() > KindString {
				return false
			}
		}
		return true
	}
	return v.Kind() <= KindString
}

// MismatchError returns the error of a value of another type than needed. Both are type names;
// requested may be "" when nothing certain was.
func MismatchError(requested, actual string) *Error {
	text := "Data type incorrect: " + actual
	switch {
	case requested == "":
	case actual == "":
		text = "Data type incorrect: expecting " + requested
	default:
		text += " (expecting " + requested + ")"
	}
	return newError(ErrorMismatchDataType, text, Field{"requested", String(requested)}, Field{"actual", String(actual)})
}

// FunctionNotFoundError returns the error of a call with a signature that no function has, see
// [Signature].
func FunctionNotFoundError(signature string) *Error {
	return newError(ErrorFunctionNotFound, "Function not found: "+signature, Field{"function", String(signature)})
}

// VariableNotFoundError returns the error of a name that is not defined.
func VariableNotFoundError(name string) *Error {
	return newError(ErrorVariableNotFound, "Variable not found: "+name, Field{"variable", String(name)})
}

// ArrayBoundsError returns the error of an index outside an array or blob of the given length.
func ArrayBoundsError(length int, index int64) *Error {
	text := "Array index " + strconv.FormatInt(index, 10) + " out of bounds: "
	switch length {
	case 0:
		text += "array is empty"
	case 1:
		text += "only 1 element in array"
	default:
		text += "only " + strconv.Itoa(length) + " elements in array"
	}
	return newError(ErrorArrayBounds, text, Field{"length", Int(int64(length))}, Field{"index", Int(index)})
}

// StringBoundsError returns the error of an index outside a string of the given length in
// characters.
func StringBoundsError(length int, index int64) *Error {
	text := "String index " + strconv.FormatInt(index, 10) + " out of bounds: "
	switch length {
	case 0:
		text += "string is empty"
	case 1:
		text += "only 1 character in string"
	default:
		text += "only " + strconv.Itoa(length) + " characters in string"
	}
	return newError(ErrorStringBounds, text, Field{"length", Int(int64(length))}, Field{"index", Int(index)})
}

// BitFieldBoundsError returns the error of a bit index outside of an integer's 64 bits.
func BitFieldBoundsError(index int64) *Error {
	return newError(ErrorBitFieldBounds, "Bit-field index "+strconv.FormatInt(index, 10)+" out of bounds: only 64 bits in bit-field",
		Field{"length", Int(64)}, Field{"index", Int(index)})
}

// DataTooLargeError returns the error of a value beyond a size limit. what is Rhai's words ("Length
// of string", "Size of array", "Size of object map"), limit the name in abi.Limits.
func DataTooLargeError(what, limit string) *Error {
	e := newError(ErrorDataTooLarge, what+" too large")
	e.Limit = limit
	return e
}

func stackOverflow() *Error {
	return &Error{Variant: ErrorStackOverflow, Text: "Stack overflow", Limit: "max_call_levels"}
}

// InFunctionCall wraps inner as having happened in a call of a named function at p.
func InFunctionCall(name string, inner *Error, p syntax.Position) *Error {
	return inCall(name, "", inner, p)
}

// InFunctionCall does the same for a call by the code that is running, which a module may be.
func (t *Thread) InFunctionCall(name string, inner *Error, p syntax.Position) *Error {
	return inCall(name, t.source(len(t.frames)-1), inner, p)
}

func inCall(name, source string, inner *Error, p syntax.Position) *Error {
	return &Error{
		Variant: ErrorInFunctionCall, Called: name, Inner: inner, Position: p, Limit: inner.Limit, origin: inner.origin, source: source,
	}
}
