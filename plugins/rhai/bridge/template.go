package bridge

import (
	"strconv"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerTemplate adds the functions of template. A template is text in Mustache (the specification of
// github.com/mustache/spec without its optional modules). Names are looked up in data, and {{>name}}
// in the map of partials.
//
//	render(text, data [, partials])        a page: values are escaped for where they stand in its HTML
//	render_text(text, data [, partials])   any other text: values are written as they are
func registerTemplate(l *vm.Library) {
	for name, mode := range map[string]escapeMode{"render": escapeByContext, "render_text": escapeNothing} {
		render := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			var partials *vm.Map
			if len(args) > 2 {
				partials = args[2].AsMap()
			}
			text, err := renderTemplate(t, "template::"+name, mode, args[0].AsString(), args[1], partials)
			return vm.String(text), err
		}
		l.Func("template::"+name, render, vm.KindString, vm.KindAny)
		l.Func("template::"+name, render, vm.KindString, vm.KindAny, vm.KindMap)
	}
}

// escapeMode is how {{name}} is written; {{{name}}} and {{&name}} are never escaped.
type escapeMode uint8

const (
	escapeNothing   escapeMode = iota
	escapeByContext            // for where it stands in HTML
)

// A templateNode is a piece of a template.
type templateNode struct {
	kind   byte   // 0: text; or the character of its tag: # ^ > & and $ for a plain one
	text   string // or the name
	indent string // of a partial that stands alone on its line
	inner  []templateNode
}

// maxTemplateDepth is how deep sections and partials nest.
const maxTemplateDepth = 64

// templateParser reads a template.
type templateParser struct {
	function    string // for errors
	text        string
	at          int
	open, close string // delimiters
	t           *vm.Thread
}

func (p *templateParser) fail(message string) *vm.Error { return invalid(p.function, message) }

// line is the number of the line that a byte is on.
func (p *templateParser) line(at int) string {
	return "line " + strconv.Itoa(1+strings.Count(p.text[:at], "\n"))
}

// nodes reads up to the end of a section, or of the text when there is none.
func (p *templateParser) nodes(section string, began int, depth int) (nodes []templateNode, err *vm.Error) {
	if depth > maxTemplateDepth {
		return nil, p.fail("sections are nested deeper than " + strconv.Itoa(maxTemplateDepth))
	}
	for {
		if err := p.t.Charge(1); err != nil {
			return nil, err
		}
		n := strings.Index(p.text[p.at:], p.open)
		if n < 0 {
			if section != "" {
				return nil, p.fail("the section " + quoted(section) + " (" + p.line(began) + ") does not end")
			}
			if p.at < len(p.text) {
				nodes = append(nodes, templateNode{text: p.text[p.at:]})
			}
			p.at = len(p.text)
			return nodes, nil
		}
		start := p.at + n
		kind, name, end, err := p.tag(start)
		if err != nil {
			return nil, err
		}
		from, before, indent := p.at, p.text[p.at:start], ""
		p.at = end
		if kind != '$' && kind != '&' {
			before, indent = p.alone(from, start)
		}
		if before != "" {
			nodes = append(nodes, templateNode{text: before})
		}
		switch kind {
		case '!', '=':
		case '/':
			if name != section || section == "" {
				return nil, p.fail("{{/" + name + "}} (" + p.line(start) + ") ends no section of that name")
			}
			return nodes, nil
		case '#', '^':
			inner, err := p.nodes(name, start, depth+1)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, templateNode{kind: kind, text: name, inner: inner})
		default:
			nodes = append(nodes, templateNode{kind: kind, text: name, indent: indent})
		}
	}
}

// tag reads the tag at a place: its kind, its name and where it ends.
func (p *templateParser) tag(start int) (kind byte, name string, end int, err *vm.Error) {
	at := start + len(p.open)
	close, kind := p.close, byte('$')
	if at < len(p.text) {
		switch c := p.text[at]; c {
		case '#', '^', '/', '>', '!', '&':
			kind = c
			at++
		case '{':
			kind, close = '&', "}"+p.close
			at++
		case '=':
			kind, close = c, "="+p.close
			at++
		}
	}
	n := strings.Index(p.text[at:], close)
	if n < 0 {
		return 0, "", 0, p.fail("a tag (" + p.line(start) + ") does not end with " + close)
	}
	name, end = strings.TrimSpace(p.text[at:at+n]), at+n+len(close)
	switch {
	case kind == '!':
	case kind == '=':
		opening, closing, two := strings.Cut(name, " ")
		if p.open, p.close = opening, strings.TrimSpace(closing); !two || opening == "" || strings.ContainsAny(name, "=") {
			return 0, "", 0, p.fail("a change of delimiters (" + p.line(start) + ") must name two, as in {{=<% %>=}}")
		}
	case name == "" || strings.ContainsAny(name, " \t\r\n{}"):
		return 0, "", 0, p.fail("the tag " + quoted(name) + " (" + p.line(start) + ") has no proper name")
	}
	return kind, name, end, nil
}

// alone drops the rest of the line around a tag that is alone on it: of what is before it, from a place
// on, and of what comes. It looks at no byte before that place but one, so that a long line of tags is
// read once.
func (p *templateParser) alone(from, start int) (kept, indent string) {
	before := p.text[from:start]
	begin := strings.LastIndexByte(before, '\n') + 1
	if begin == 0 && from > 0 && p.text[from-1] != '\n' || strings.TrimLeft(before[begin:], " \t") != "" {
		return before, ""
	}
	rest := strings.TrimLeft(p.text[p.at:], " \t")
	switch {
	case rest == "":
		p.at = len(p.text)
	case rest[0] == '\n':
		p.at = len(p.text) - len(rest) + 1
	case strings.HasPrefix(rest, "\r\n"):
		p.at = len(p.text) - len(rest) + 2
	default:
		return before, ""
	}
	return before[:begin], before[begin:]
}

// templateRenderer writes what a template and data come to.
type templateRenderer struct {
	t        *vm.Thread
	function string
	mode     escapeMode
	partials *vm.Map
	parsed   map[string][]templateNode // partials, by name and indentation
	stack    []vm.Value                // where names are looked up: the last first
	out      []byte
	html     htmlScanner
}

func renderTemplate(t *vm.Thread, function string, mode escapeMode, text string, data vm.Value, partials *vm.Map) (string, *vm.Error) {
	r := &templateRenderer{t: t, function: function, mode: mode, partials: partials, stack: []vm.Value{data}}
	nodes, err := r.parse(text)
	if err == nil {
		err = r.render(nodes, 0)
	}
	return string(r.out), err
}

func (r *templateRenderer) parse(text string) ([]templateNode, *vm.Error) {
	if err := r.t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
		return nil, err
	}
	p := templateParser{function: r.function, text: text, open: "{{", close: "}}", t: r.t}
	return p.nodes("", 0, 0)
}

func (r *templateRenderer) render(nodes []templateNode, depth int) *vm.Error {
	if depth > maxTemplateDepth {
		return invalid(r.function, "partials and sections are nested deeper than "+strconv.Itoa(maxTemplateDepth))
	}
	for i := range nodes {
		n := &nodes[i]
		work := int64(1)
		if n.kind != 0 {
			work += int64(len(n.text)) / bytesPerOperation // a name is searched in each map of the stack
		}
		if err := r.t.Charge(work); err != nil {
			return err
		}
		var err *vm.Error
		switch n.kind {
		case 0:
			err = r.literal(n.text)
		case '$':
			err = r.value(n.text)
		case '&':
			var text string
			if text, err = r.textOf(n.text); err == nil {
				err = r.literal(text)
			}
		case '>':
			err = r.partial(n, depth)
		case '^':
			if v := r.find(n.text); isFalsey(v) {
				err = r.render(n.inner, depth+1)
			}
		case '#':
			err = r.section(n, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *templateRenderer) section(n *templateNode, depth int) *vm.Error {
	v := r.find(n.text)
	switch {
	case isFalsey(v):
		return nil
	case v.Kind() != vm.KindArray:
		return r.within(v, n, depth)
	}
	for _, item := range v.AsArray().Items {
		if err := r.within(item, n, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *templateRenderer) within(v vm.Value, n *templateNode, depth int) *vm.Error {
	r.stack = append(r.stack, v)
	err := r.render(n.inner, depth+1)
	r.stack = r.stack[:len(r.stack)-1]
	return err
}

func (r *templateRenderer) partial(n *templateNode, depth int) *vm.Error {
	if r.partials == nil {
		return nil
	}
	v := r.partials.At(n.text)
	if v == nil || v.IsUnit() {
		return nil
	}
	if v.Kind() != vm.KindString {
		return invalid(r.function, "the partial "+quoted(n.text)+" must be a string, got "+v.TypeName())
	}
	key := n.indent + ">" + n.text
	nodes, known := r.parsed[key]
	if !known {
		text, err := r.indented(v.AsString(), n.indent)
		if err == nil {
			nodes, err = r.parse(text)
		}
		if err != nil {
			return err
		}
		if r.parsed == nil {
			r.parsed = map[string][]templateNode{}
		}
		r.parsed[key] = nodes
	}
	return r.render(nodes, depth+1)
}

// indented puts white space before each line.
func (r *templateRenderer) indented(text, indent string) (string, *vm.Error) {
	if indent == "" || text == "" {
		return text, nil
	}
	body, end := text, ""
	if strings.HasSuffix(text, "\n") {
		body, end = text[:len(text)-1], "\n"
	}
	lines := int64(1 + strings.Count(body, "\n"))
	if err := r.t.CheckString(int64(len(text)) + lines*int64(len(indent))); err != nil {
		return "", err
	}
	return indent + strings.ReplaceAll(body, "\n", "\n"+indent) + end, nil
}

// find looks a dotted name up: its first part in the innermost map that has it, the others in there.
func (r *templateRenderer) find(name string) vm.Value {
	if name == "." {
		return r.stack[len(r.stack)-1]
	}
	first, rest, more := strings.Cut(name, ".")
	for i := len(r.stack) - 1; i >= 0; i-- {
		v := member(r.stack[i], first)
		if v == nil {
			continue
		}
		for more && v != nil {
			first, rest, more = strings.Cut(rest, ".")
			v = member(*v, first)
		}
		if v == nil {
			break
		}
		return *v
	}
	return vm.Unit
}

// member is a property of a map, nil if there is none.
func member(v vm.Value, name string) *vm.Value {
	if v.Kind() != vm.KindMap {
		return nil
	}
	return v.AsMap().At(name)
}

// isFalsey reports whether a section of a value is left out.
func isFalsey(v vm.Value) bool {
	switch v.Kind() {
	case vm.KindBool:
		return !v.AsBool()
	case vm.KindArray:
		return len(v.AsArray().Items) == 0
	}
	return v.IsUnit()
}

// textOf is how the value of a name is written.
func (r *templateRenderer) textOf(name string) (string, *vm.Error) {
	v := r.find(name)
	if v.IsUnit() {
		return "", nil
	}
	return r.t.Display(v)
}

// literal writes what the author of the template, or of {{{name}}}, answers for.
func (r *templateRenderer) literal(text string) *vm.Error {
	if r.mode == escapeByContext {
		if err := r.t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
			return err
		}
		if r.html.endsEmpty(text) {
			text = `""` + text
		}
		r.html.scan(text)
	}
	return r.write(text)
}

// value writes a value for where it stands.
func (r *templateRenderer) value(name string) *vm.Error {
	text, err := r.textOf(name)
	if err != nil {
		return err
	}
	if r.mode == escapeNothing {
		return r.write(text)
	}
	text, refused := r.html.value(text)
	if refused != "" {
		return invalid(r.function, "{{"+name+"}} cannot stand in "+refused+"; put it into the text of an element or into an attribute as data-"+name)
	}
	if r.html.unquoted() {
		return r.write(escapeUnquoted(text))
	}
	escaped, err := escapeHTML(r.t, text)
	if err != nil {
		return err
	}
	return r.write(escaped)
}

func (r *templateRenderer) write(text string) *vm.Error {
	if err := r.t.CheckString(int64(len(r.out) + len(text))); err != nil {
		return err
	}
	if err := r.t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
		return err
	}
	if err := r.t.Poll(); err != nil {
		return err
	}
	r.out = append(r.out, text...)
	return nil
}
