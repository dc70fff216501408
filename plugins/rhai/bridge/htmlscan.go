package bridge

import (
	"slices"
	"strings"
)

// An htmlScanner follows the HTML that a template writes, as far as it must to know where a value would
// stand: the states of the HTML Standard's tokenizer (section 13.2.5) that matter for that.
type htmlScanner struct {
	state   htmlState
	tag     string // its name, in lower case
	attr    string // the name of the attribute
	closing bool   // the tag ends an element
	quote   byte   // around the value of an attribute; 0: none
	empty   bool   // behind = an empty value has been written
	link    linkScanner
	last    []byte // in declarations, comments and raw text: the last bytes
	raw     string // the element whose raw text it is
	escaped bool   // in a script: behind <!--
	twice   bool   // in a script: also behind <script, which needs a </script of its own
}

type htmlState uint8

const (
	inText        htmlState = iota
	afterLess               // behind <
	inTagName               //
	inTag                   // between attributes
	inAttrName              //
	afterAttr               // behind a name: an = may come
	beforeValue             // behind =
	inValue                 //
	inRaw                   // in script, style and their like
	inDeclaration           // behind <!, or in what is no tag: it ends with >
	inComment               //
)

// rawElements hold text in which nothing is a tag but their own end.
var rawElements = []string{"script", "style", "iframe", "noscript", "noembed", "noframes", "xmp", "plaintext", "title", "textarea"}

// hasReferences reports whether &lt; in the text of a raw element is a <.
func hasReferences(element string) bool { return element == "title" || element == "textarea" }

// urlAttributes lead somewhere.
var urlAttributes = []string{
	"href", "src", "action", "formaction", "poster", "data", "cite", "background", "ping", "manifest", "xlink:href", "srcset", "longdesc",
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// scan follows text.
func (h *htmlScanner) scan(text string) {
	for i := range len(text) {
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
		case isLetter(c):
			h.state, h.tag = inTagName, string(c|0x20)
		case h.closing && c != '>', c == '?':
			h.state, h.closing = inDeclaration, true // in which -- begins no comment
		case c == '/':
			h.closing = true
		case c == '!':
			h.state, h.last = inDeclaration, append(h.last[:0], c)
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
		case c == '/':
			h.state = inTag
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
			h.link.literal(c)
		}
	case inValue:
		switch {
		case h.quote != 0 && c == h.quote, h.quote == 0 && isSpace(c):
			h.state = inTag
		case h.quote == 0 && c == '>':
			h.endTag()
		default:
			h.link.literal(c)
		}
	case inRaw:
		h.nextRaw(c)
	case inDeclaration:
		switch h.remember(c, 4); {
		case c == '>':
			h.state = inText
		case string(h.last) == "!--" && !h.closing:
			h.state, h.last = inComment, append(h.last[:0], '<') // which > and -> may end, too
		}
	case inComment:
		if last := string(h.last); c == '>' && (strings.HasSuffix(last, "--") || last == "--!" || last == "<" || last == "<-") {
			h.state = inText
			break
		}
		h.remember(c, 3)
	}
}

// nextRaw follows the text of a raw element up to its end (sections 13.2.5.2 to 31).
func (h *htmlScanner) nextRaw(c byte) {
	switch {
	case c == '>' && h.escaped && h.behind("--"):
		h.escaped, h.twice = false, false
	case !isSpace(c) && c != '/' && c != '>':
	case h.escaped && !h.twice && h.behind("<script"):
		h.twice = true
	case h.twice:
		h.twice = !h.behind("</script")
	case h.raw != "plaintext" && h.behind("</"+h.raw):
		h.tag, h.closing, h.state = h.raw, true, inTag
		if c == '>' {
			h.endTag()
		}
		return
	}
	h.remember(c, len("</plaintext"))
	if c == '-' && h.raw == "script" && h.behind("<!--") {
		h.escaped = true
	}
}

// behind reports whether the last bytes are a text, in any case.
func (h *htmlScanner) behind(text string) bool {
	n := len(h.last) - len(text)
	return n >= 0 && strings.EqualFold(string(h.last[n:]), text)
}

// remember keeps the last n bytes.
func (h *htmlScanner) remember(c byte, n int) {
	if len(h.last) >= n {
		h.last = h.last[:copy(h.last, h.last[len(h.last)-n+1:])]
	}
	h.last = append(h.last, c)
}

func (h *htmlScanner) beginValue() {
	h.state, h.quote, h.empty, h.link = beforeValue, 0, false, linkScanner{}
}

func (h *htmlScanner) endTag() {
	h.state = inText
	if !h.closing && slices.Contains(rawElements, h.tag) {
		h.state, h.raw, h.last, h.escaped, h.twice = inRaw, h.tag, h.last[:0], false, false
	}
}

// endsEmpty reports whether text ends an attribute without quotes whose value is empty, which must then
// get quotes: what comes next would be its value.
func (h *htmlScanner) endsEmpty(text string) bool {
	return h.state == beforeValue && h.empty && text != "" && (isSpace(text[0]) || text[0] == '>')
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
		if !hasReferences(h.raw) {
			return "", "<" + h.raw + ">"
		}
		last := strings.ToLower(string(h.last))
		if i := strings.LastIndexByte(last, '<'); i >= 0 && strings.HasPrefix("</"+h.raw, last[i:]) {
			return "", "the name of a tag"
		}
		return text, ""
	case inDeclaration, inComment:
		return "", "a comment"
	}
	if strings.HasPrefix(h.attr, "on") || h.attr == "style" || h.attr == "srcdoc" {
		return "", "the attribute " + h.attr
	}
	if slices.Contains(urlAttributes, h.attr) && !h.link.value(text) {
		text = "about:invalid"
	}
	if text == "" && h.state == beforeValue {
		h.empty = true
		return "", ""
	}
	h.state = inValue
	return text, ""
}

// unquoted reports whether a value stands in an attribute without quotes.
func (h *htmlScanner) unquoted() bool { return h.state == inValue && h.quote == 0 }

// A linkScanner follows a URL to the end of its scheme.
type linkScanner struct {
	scheme string // so far, in lower case
	passed bool   // what comes is behind the scheme, or there is none
	unsafe bool   // it may run something
}

// literal follows a byte that the author wrote. A reference may be any character.
func (l *linkScanner) literal(c byte) {
	if c == '&' && !l.passed {
		l.passed, l.unsafe = true, true
	}
	l.next(c)
}

// value follows a value and reports whether the URL has no scheme, or one that runs nothing.
func (l *linkScanner) value(text string) bool {
	for i := 0; i < len(text) && !l.passed; i++ {
		l.next(text[i])
	}
	return !l.unsafe
}

func (l *linkScanner) next(c byte) {
	const longest = len("mailto")
	switch {
	case l.passed || c <= ' ': // a browser takes white space out of a scheme, and all that is before one
	case c == '/' || c == '?' || c == '#':
		l.passed = true
	case c == ':':
		l.passed = true
		switch l.scheme {
		case "http", "https", "mailto", "tel", "sms":
		default:
			l.unsafe = true
		}
	case len(l.scheme) <= longest: // a longer one is none of those
		l.scheme += strings.ToLower(string(c))
	}
}

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
