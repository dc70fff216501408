// Package regex matches regular expressions of RE2's syntax in time linear in the text, like the
// standard library's regexp, whose results it has. That would make the interpreter guest larger by
// 240 KB, mostly tables of Unicode scripts, and cannot be interrupted; this counts its steps.
//
//	x  .  [a-z]  [^a-z]  [[:alpha:]]  \d \D \s \S \w \W         one character
//	\pL \PL \p{Lu} \P{Lu}                                       of L Lu Ll Lt Lm Lo M N Nd Nl No P S Z
//	xy  x|y                                                     one after the other, either
//	x* x+ x? x{n} x{n,} x{n,m}, and x*? ...                     many, few
//	(x) (?P<name>x) (?<name>x) (?:x) (?ims-U) (?i:x)            groups, flags
//	^ $ \A \z \b \B                                             places
//	\n \t \r \f \v \a \123 \x7F \x{10FFFF} \Q...\E \.           characters
//
// The pipeline is the file list: parse.go makes a tree, compile.go a program, match.go runs it.
package regex

// The most that a pattern may have. They bound the memory that matching takes.
const (
	maxPattern = 4096   // bytes
	maxProgram = 10_000 // instructions
	maxGroups  = 100    // capturing ones
	maxDepth   = 200    // groups inside one another
	maxRepeat  = 1000   // n of {n}
)

// A Regex is a compiled pattern. It is not changed by matching.
type Regex struct {
	Names []string // of the groups, "" for one without; the first is the whole match

	program  []instruction
	classes  []*class
	start    uint32
	anchored bool       // matches at the start of the text alone
	prefix   string     // what each match starts with
	first    *[2]uint64 // the ASCII characters that a match may start with; nil: any
}

// An Error says what is wrong with a pattern.
type Error struct{ Reason string }

func (e *Error) Error() string { return "invalid pattern: " + e.Reason }

// Compile makes a Regex of a pattern. The error is an [*Error].
func Compile(pattern string) (*Regex, error) {
	p := parser{text: pattern, names: []string{""}}
	if len(pattern) > maxPattern {
		p.fail("longer than 4096 bytes")
	}
	tree := p.pattern()
	if p.err != nil {
		return nil, p.err
	}
	return compile(tree, p.names)
}

// States returns the number of states of the pattern's automaton.
func (re *Regex) States() int { return len(re.program) }
