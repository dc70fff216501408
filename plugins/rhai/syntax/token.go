package syntax

// kind says what a token is.
type kind uint8

const (
	tokEOF   kind = iota
	tokError      // text is the message
	tokInt        // number holds the value
	tokFloat      // number holds the bits
	tokChar       // number holds the code point
	tokString
	tokText // the part of an interpolated string before "${"
	tokIdent
	tokReserved // a word or symbol that Rhai keeps for itself

	tokLBrace
	tokRBrace
	tokLParen
	tokRParen
	tokLBracket
	tokRBracket
	tokUnit
	tokPlus
	tokUnaryPlus
	tokMinus
	tokUnaryMinus
	tokStar
	tokSlash
	tokPercent
	tokPower
	tokShl
	tokShr
	tokSemicolon
	tokColon
	tokDoubleColon
	tokArrow
	tokUnderscore
	tokComma
	tokDot
	tokElvis
	tokCoalesce
	tokElvisBracket
	tokRange
	tokRangeInclusive
	tokMapStart
	tokAssign
	tokLt
	tokGt
	tokLe
	tokGe
	tokEq
	tokNe
	tokBang
	tokPipe
	tokOr
	tokCaret
	tokAmp
	tokAnd

	tokAddAssign
	tokSubAssign
	tokMulAssign
	tokDivAssign
	tokModAssign
	tokPowAssign
	tokShlAssign
	tokShrAssign
	tokAndAssign
	tokOrAssign
	tokXorAssign

	tokTrue
	tokFalse
	tokLet
	tokConst
	tokIf
	tokElse
	tokSwitch
	tokDo
	tokWhile
	tokUntil
	tokLoop
	tokFor
	tokIn
	tokNotIn
	tokFn
	tokPrivate
	tokContinue
	tokBreak
	tokReturn
	tokThrow
	tokTry
	tokCatch
	tokImport
	tokExport
	tokAs

	kinds // how many there are
)

// token is one token of the source, passed by value.
type token struct {
	kind   kind
	pos    Position
	text   string // of names, strings, reserved words and errors
	number uint64
}

// grammar holds what the parser has to know of a token.
type grammar struct {
	text string // as written; "" where it varies
	// precedence is that of the binary operator, 0 for what is none. All bind to the left, but **
	// does not.
	precedence uint8
	binary     Operator // of a binary operator
	assign     Operator // of an op-assignment
	// unaryNext: a sign right after this token belongs to the number or operand that follows.
	unaryNext bool
	// keyword: the words that Rhai refuses as parameter names in so many words (switch is not one
	// of them).
	keyword bool
}

var tokens = [kinds]grammar{
	tokEOF:            {text: "{EOF}"},
	tokError:          {unaryNext: true},
	tokText:           {text: "string"},
	tokLBrace:         {text: "{", unaryNext: true},
	tokRBrace:         {text: "}"},
	tokLParen:         {text: "(", unaryNext: true},
	tokRParen:         {text: ")"},
	tokLBracket:       {text: "[", unaryNext: true},
	tokRBracket:       {text: "]"},
	tokUnit:           {text: "()"},
	tokPlus:           {text: "+", precedence: 150, binary: OpAdd, unaryNext: true},
	tokUnaryPlus:      {text: "+", unaryNext: true},
	tokMinus:          {text: "-", precedence: 150, binary: OpSub, unaryNext: true},
	tokUnaryMinus:     {text: "-", unaryNext: true},
	tokStar:           {text: "*", precedence: 180, binary: OpMul, unaryNext: true},
	tokSlash:          {text: "/", precedence: 180, binary: OpDiv, unaryNext: true},
	tokPercent:        {text: "%", precedence: 180, binary: OpMod, unaryNext: true},
	tokPower:          {text: "**", precedence: 190, binary: OpPow, unaryNext: true},
	tokShl:            {text: "<<", precedence: 210, binary: OpShl, unaryNext: true},
	tokShr:            {text: ">>", precedence: 210, binary: OpShr, unaryNext: true},
	tokSemicolon:      {text: ";", unaryNext: true},
	tokColon:          {text: ":", unaryNext: true},
	tokDoubleColon:    {text: "::"},
	tokArrow:          {text: "=>"},
	tokUnderscore:     {text: "_"},
	tokComma:          {text: ",", unaryNext: true},
	tokDot:            {text: "."},
	tokElvis:          {text: "?."},
	tokCoalesce:       {text: "??", precedence: 135, binary: OpCoalesce, unaryNext: true},
	tokElvisBracket:   {text: "?[", unaryNext: true},
	tokRange:          {text: "..", precedence: 140, binary: OpRange, unaryNext: true},
	tokRangeInclusive: {text: "..=", precedence: 140, binary: OpRangeInclusive, unaryNext: true},
	tokMapStart:       {text: "#{"},
	tokAssign:         {text: "=", unaryNext: true},
	tokLt:             {text: "<", precedence: 130, binary: OpLt, unaryNext: true},
	tokGt:             {text: ">", precedence: 130, binary: OpGt, unaryNext: true},
	tokLe:             {text: "<=", precedence: 130, binary: OpLe, unaryNext: true},
	tokGe:             {text: ">=", precedence: 130, binary: OpGe, unaryNext: true},
	tokEq:             {text: "==", precedence: 90, binary: OpEq, unaryNext: true},
	tokNe:             {text: "!=", precedence: 90, binary: OpNe, unaryNext: true},
	tokBang:           {text: "!", unaryNext: true},
	tokPipe:           {text: "|", precedence: 30, binary: OpBitOr, unaryNext: true},
	tokOr:             {text: "||", precedence: 30, binary: OpOr, unaryNext: true},
	tokCaret:          {text: "^", precedence: 30, binary: OpBitXor, unaryNext: true},
	tokAmp:            {text: "&", precedence: 60, binary: OpBitAnd, unaryNext: true},
	tokAnd:            {text: "&&", precedence: 60, binary: OpAnd, unaryNext: true},

	tokAddAssign: {text: "+=", assign: OpAdd, unaryNext: true},
	tokSubAssign: {text: "-=", assign: OpSub, unaryNext: true},
	tokMulAssign: {text: "*=", assign: OpMul, unaryNext: true},
	tokDivAssign: {text: "/=", assign: OpDiv, unaryNext: true},
	tokModAssign: {text: "%=", assign: OpMod, unaryNext: true},
	tokPowAssign: {text: "**=", assign: OpPow, unaryNext: true},
	tokShlAssign: {text: "<<=", assign: OpShl, unaryNext: true},
	tokShrAssign: {text: ">>=", assign: OpShr, unaryNext: true},
	tokAndAssign: {text: "&=", assign: OpBitAnd, unaryNext: true},
	tokOrAssign:  {text: "|=", assign: OpBitOr, unaryNext: true},
	tokXorAssign: {text: "^=", assign: OpBitXor, unaryNext: true},

	tokTrue:     {text: "true", keyword: true},
	tokFalse:    {text: "false", keyword: true},
	tokLet:      {text: "let", keyword: true},
	tokConst:    {text: "const", keyword: true},
	tokIf:       {text: "if", keyword: true, unaryNext: true},
	tokElse:     {text: "else", keyword: true},
	tokSwitch:   {text: "switch"},
	tokDo:       {text: "do", keyword: true},
	tokWhile:    {text: "while", keyword: true, unaryNext: true},
	tokUntil:    {text: "until", keyword: true, unaryNext: true},
	tokLoop:     {text: "loop", keyword: true},
	tokFor:      {text: "for", keyword: true},
	tokIn:       {text: "in", precedence: 110, binary: OpIn, keyword: true, unaryNext: true},
	tokNotIn:    {text: "!in", precedence: 110, binary: OpNotIn, unaryNext: true},
	tokFn:       {text: "fn", keyword: true},
	tokPrivate:  {text: "private", keyword: true},
	tokContinue: {text: "continue", keyword: true},
	tokBreak:    {text: "break", keyword: true},
	tokReturn:   {text: "return", keyword: true, unaryNext: true},
	tokThrow:    {text: "throw", keyword: true, unaryNext: true},
	tokTry:      {text: "try", keyword: true},
	tokCatch:    {text: "catch", keyword: true},
	tokImport:   {text: "import", keyword: true},
	tokExport:   {text: "export", keyword: true},
	tokAs:       {text: "as", keyword: true},
}

// describe returns the token as Rhai shows it in "Unexpected '...'".
func (t *token) describe() string {
	switch t.kind {
	case tokIdent, tokReserved, tokError:
		return t.text
	case tokString:
		return `"` + t.text + `"`
	case tokChar:
		return string(rune(t.number))
	case tokInt:
		return formatInt(int64(t.number))
	case tokFloat:
		return formatFloat(t.number)
	}
	return tokens[t.kind].text
}
