package syntax

// word is a keyword or a reserved word.
type word struct {
	text string
	kind kind
	// callable: a reserved word that names a built-in function.
	callable bool
	// method: one that may be called in method style, too.
	method bool
}

// words lists the keywords and reserved words by length.
var words = [...][]word{
	1: {{text: "_", kind: tokUnderscore}},
	2: {
		{text: "if", kind: tokIf}, {text: "in", kind: tokIn}, {text: "fn", kind: tokFn}, {text: "do", kind: tokDo},
		{text: "as", kind: tokAs}, reserved("is"), reserved("go"), builtin("Fn"),
	},
	3: {{text: "let", kind: tokLet}, {text: "for", kind: tokFor}, {text: "try", kind: tokTry}, reserved("use"), reserved("var"), reserved("new"), reserved("nil")},
	4: {
		{text: "this", kind: tokReserved}, {text: "else", kind: tokElse}, {text: "true", kind: tokTrue}, {text: "loop", kind: tokLoop},
		builtinMethod("call"), builtin("eval"), reserved("null"), reserved("case"), reserved("sync"), reserved("with"), reserved("void"), reserved("goto"),
	},
	5: {
		{text: "const", kind: tokConst}, {text: "while", kind: tokWhile}, {text: "false", kind: tokFalse}, {text: "break", kind: tokBreak},
		{text: "throw", kind: tokThrow}, {text: "catch", kind: tokCatch}, {text: "until", kind: tokUntil},
		builtin("print"), builtin("debug"), builtinMethod("curry"),
		reserved("async"), reserved("await"), reserved("match"), reserved("super"), reserved("spawn"), reserved("yield"),
	},
	6: {
		{text: "return", kind: tokReturn}, {text: "switch", kind: tokSwitch}, {text: "import", kind: tokImport}, {text: "export", kind: tokExport},
		reserved("public"), reserved("shared"), reserved("static"), reserved("thread"), reserved("module"),
	},
	7:  {{text: "private", kind: tokPrivate}, builtinMethod("type_of"), reserved("package"), reserved("default")},
	8:  {{text: "continue", kind: tokContinue}},
	9:  {builtin("is_def_fn"), builtinMethod("is_shared"), reserved("protected")},
	10: {builtin("is_def_var")},
}

func reserved(text string) word { return word{text: text, kind: tokReserved} }
func builtin(text string) word  { return word{text: text, kind: tokReserved, callable: true} }
func builtinMethod(text string) word {
	return word{text: text, kind: tokReserved, callable: true, method: true}
}

// lookup finds a keyword or reserved word; the zero word when name is neither.
func lookup(name string) word {
	if len(name) < len(words) {
		list := words[len(name)]
		for i := range list {
			if w := &list[i]; w.text[0] == name[0] && w.text == name {
				return *w
			}
		}
	}
	return word{}
}

// symbolErrors are the reserved symbols that newcomers from other languages
// write, with what Rhai says to them. The other reserved symbols are left to the parser.
var symbolErrors = []struct{ symbol, message string }{
	{"===", "'===' is not a valid operator. This is not JavaScript! Should it be '=='?"},
	{"!==", "'!==' is not a valid operator. This is not JavaScript! Should it be '!='?"},
	{"->", "'->' is not a valid symbol. This is not C or C++!"},
	{"<-", "'<-' is not a valid symbol. This is not Go! Should it be '<='?"},
	{":=", "':=' is not a valid assignment operator. This is not Go or Pascal! Should it be simply '='?"},
	{":;", "':;' is not a valid symbol. Should it be '::'?"},
	{"::<", "'::<>' is not a valid symbol. This is not Rust! Should it be '::'?"},
	{"(*", "'(* .. *)' is not a valid comment format. This is not Pascal! Should it be '/* .. */'?"},
	{"*)", "'(* .. *)' is not a valid comment format. This is not Pascal! Should it be '/* .. */'?"},
	{"# {", "'#' is not a valid symbol. Should it be '#{'?"},
}

// IsFunctionName reports whether a script function may have this name: an
// identifier that is neither a keyword nor reserved. Fn("name") asks the same.
func IsFunctionName(name string) bool {
	return isIdentifier(name) && lookup(name).kind == tokEOF
}

// IsReserved reports whether name is a keyword or a reserved word or symbol, which
// Fn("name") refuses with another error than for what is no identifier at all.
func IsReserved(name string) bool {
	if lookup(name).kind != tokEOF {
		return true
	}
	if name == "#!" || isSymbolError(name) && name != "# {" {
		return true
	}
	// Any other symbol is reserved or in use when the scanner takes all of it as one token.
	s := newScanner(name, 0, false)
	t := s.scan()
	return t.kind > tokIdent && t.pos == Position{1, 1} && s.off == len(name) && name != "# {" && name != "# "
}

func isSymbolError(symbol string) bool {
	for _, e := range symbolErrors {
		if e.symbol == symbol {
			return true
		}
	}
	return false
}

// isIdentifier: underscores, then a letter, then letters, digits and underscores.
func isIdentifier(name string) bool {
	letter := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '_':
		case isLetter(c):
			letter = true
		case !letter || !isDigit(c):
			return false
		}
	}
	return letter
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
