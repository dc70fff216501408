package bridge

import "strings"

// An htmlScanner follows the HTML that a template writes, as far as it must to know where a value would
// stand: the states of the HTML Standard's tokenizer (section 13.2.5) that matter for that. It errs on
// the side of refusing.
type htmlScanner struct {
	state    htmlState
	tag      string // its name, in lower case
	attr     string // the name of the attribute
	closing  bool   // the tag ends an element
	quote    byte   // around the value of an attribute; 0: none
	link     string // the attribute's value so far, up to maxScheme bytes
	pending  string // in raw text and comments: the last bytes
	rawUntil string // what ends raw text
}

type htmlState uint8

const (
	inText      htmlState = iota
	afterLess             // behind <
	inTagName             //
	inTag                 // between attributes
	inAttrName            //
	afterAttr             // behind a name: an = may come
	beforeValue           // behind =
	inValue               //
	inRaw                 // in script, style and their like
	inComment             // also in declarations
)

// maxScheme is how much of a URL is kept to find its scheme.
const maxScheme = 64

// rawElements hold text in which references mean nothing.
var rawElements = []string{"script", "style", "iframe", "noscript", "noembed", "noframes", "xmp", "plaintext"}

// urlAttributes lead somewhere.
var urlAttributes = []string{
	"href", "src", "action", "formaction", "poster", "data", "cite", "background", "ping", "manifest", "xlink:href", "srcset", "longdesc",
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// scan follows text.
func (h *htmlScanner) scan(text string) {
	for i := 0; i < len(text); i++ {
		h.next(text[i])
	}
}

func (h *htmlScanner) next(c byte) {
	switch h.state {
	case inText:
		if c == '<' {
			h.state, h.tag, h.closing = afterLess, "", false
		}
	case afterLess:
		switch {
		case c == '/' && !h.closing:
			h.closing = true
		case isLetter(c):
			h.state, h.tag = inTagName, string(c|0x20)
		case c == '!' || c == '?':
			h.state, h.pending = inComment, ""
		case c != '<':
			h.state = inText
		}
	case inTagName:
		switch {
		case c == '>':
			h.endTag()
		case isSpace(c) || c == '/':
			h.state = inTag
		case len(h.tag) < 16:
			h.tag += strings.ToLower(string(c))
		}
	case inTag:
		switch {
		case c == '>':
			h.endTag()
		case !isSpace(c) && c != '/':
			h.state, h.attr = inAttrName, strings.ToLower(string(c))
		}
	case inAttrName:
		switch {
		case c == '>':
			h.endTag()
		case c == '=':
			h.beginValue()
		case isSpace(c):
			h.state = afterAttr
		case c == '/':
			h.state = inTag
		case len(h.attr) < 32:
			h.attr += strings.ToLower(string(c))
		}
	case afterAttr:
		switch {
		case c == '>':
			h.endTag()
		case c == '=':
			h.beginValue()
		case !isSpace(c):
			h.state, h.attr = inAttrName, strings.ToLower(string(c))
		}
	case beforeValue:
		switch {
		case c == '"' || c == '\'':
			h.state, h.quote = inValue, c
		case c == '>':
			h.endTag()
		case !isSpace(c):
			h.state = inValue
			h.keep(string(c))
		}
	case inValue:
		switch {
		case h.quote != 0 && c == h.quote, h.quote == 0 && isSpace(c):
			h.state = inTag
		case h.quote == 0 && c == '>':
			h.endTag()
		default:
			h.keep(string(c))
		}
	case inRaw:
		h.remember(c, len(h.rawUntil))
		if strings.EqualFold(h.pending, h.rawUntil) {
			h.state, h.tag, h.closing = inTagName, h.rawUntil[2:], true
		}
	case inComment:
		h.remember(c, 2)
		// A comment ends with -->, a declaration with >: to take the second for both is to leave it
		// early, in the one state in which values are escaped.
		if c == '>' {
			h.state = inText
		}
	}
}

// remember keeps the last n bytes.
func (h *htmlScanner) remember(c byte, n int) {
	h.pending += string(c)
	if len(h.pending) > n {
		h.pending = h.pending[len(h.pending)-n:]
	}
}

func (h *htmlScanner) keep(text string) {
	if room := maxScheme - len(h.link); room > 0 {
		h.link += text[:min(len(text), room)]
	}
}

func (h *htmlScanner) beginValue() { h.state, h.quote, h.link = beforeValue, 0, "" }

func (h *htmlScanner) endTag() {
	h.state = inText
	if h.closing {
		return
	}
	for _, raw := range rawElements {
		if h.tag == raw {
			h.state, h.pending, h.rawUntil = inRaw, "", "</"+raw
		}
	}
}

// value returns what may be written in the place of a value, to be escaped, or where it may not stand.
func (h *htmlScanner) value(text string) (safe, refused string) {
	switch h.state {
	case inText:
		return text, ""
	case afterLess, inTagName:
		return "", "the name of a tag"
	case inTag, inAttrName, afterAttr:
		return "", "the name of an attribute"
	case inRaw:
		return "", "<" + h.tag + ">"
	case inComment:
		return "", "a comment"
	}
	if strings.HasPrefix(h.attr, "on") || h.attr == "style" || h.attr == "srcdoc" {
		return "", "the attribute " + h.attr
	}
	h.state = inValue
	for _, name := range urlAttributes {
		if h.attr == name && !isSafeURL(h.link+text[:min(len(text), maxScheme)]) {
			text = "about:invalid"
			break
		}
	}
	h.keep(text)
	return text, ""
}

// isSafeURL reports whether a URL has no scheme, or one that runs nothing.
func isSafeURL(url string) bool {
	i := strings.IndexAny(url, ":/?#")
	if i < 0 || url[i] != ':' {
		return true
	}
	switch scheme := strings.ToLower(strings.Trim(url[:i], " \t\r\n\f\x00\x01\x0b")); scheme {
	case "http", "https", "mailto", "tel", "sms":
		return true
	}
	return false
}

// unquoted reports whether a value stands in an attribute without quotes.
func (h *htmlScanner) unquoted() bool { return h.state == inValue && h.quote == 0 }

// escapeUnquoted escapes a value for an attribute without quotes: all that could end it.
func escapeUnquoted(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '`':
			b.WriteString("&#96;")
		case c == '=':
			b.WriteString("&#61;")
		case isSpace(c) || c == 0x0b:
			b.WriteString("&#32;")
		case references[c] != "":
			b.WriteString(references[c])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
