package bridge

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerURL adds the functions of url (RFC 3986):
//
//	encode(text)   percent-encodes all but letters, digits and -._~, as a part of a URL needs it
//	decode(text)   the reverse
//	parse(url)     #{scheme, username, password, host, port, path, query, query_all, fragment}:
//	               host and scheme in lower case, path as written, the others decoded; query is a
//	               map, the last of repeated names counts, query_all has an array of values for
//	               each name; port is an integer or (), what else is missing ""
//	build(parts)   the URL of such a map, in which anything may be missing; path may have
//	               characters that need encoding, a % in it begins an encoded one; an array in
//	               query repeats its name; query_all is taken where there is no query, and for
//	               names that have the same last value in both
func registerURL(l *vm.Library) {
	l.Func("url::encode", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		text := args[0].AsString()
		if err := t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
			return vm.Unit, err
		}
		b := make([]byte, 0, len(text)+len(text)/4)
		if err := inSteps(t, text, meterStep, func(part string) { b = appendEncoded(b, part, "-._~") }); err != nil {
			return vm.Unit, err
		}
		if err := makeString(t, len(b)); err != nil {
			return vm.Unit, err
		}
		return vm.String(string(b)), nil
	}, vm.KindString)
	l.Func("url::decode", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		text := args[0].AsString()
		if err := makeString(t, len(text)); err != nil {
			return vm.Unit, err
		}
		decoded, problem := percentDecoded(text, false)
		if problem != "" {
			return vm.Unit, invalid("url::decode", problem)
		}
		return vm.String(decoded), nil
	}, vm.KindString)
	l.Func("url::parse", urlParse, vm.KindString)
	l.Func("url::build", urlBuild, vm.KindMap)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// appendEncoded percent-encodes what is neither letter, digit nor in also.
func appendEncoded(b []byte, text, also string) []byte {
	for i := 0; i < len(text); i++ {
		if c := text[i]; isLetter(c) || isDigit(c) || strings.IndexByte(also, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

const upperHex = "0123456789ABCDEF"

// percentDecoded decodes a text; plus says that a + is a space. problem is why it cannot be
// decoded.
func percentDecoded(text string, plus bool) (decoded, problem string) {
	if strings.IndexByte(text, '%') < 0 && !(plus && strings.IndexByte(text, '+') >= 0) {
		return text, ""
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%':
			if i+2 >= len(text) || hexValue(text[i+1]) < 0 || hexValue(text[i+2]) < 0 {
				return "", "% without two hexadecimal digits at byte " + strconv.Itoa(i)
			}
			c = byte(hexValue(text[i+1])<<4 | hexValue(text[i+2]))
			i += 2
		case c == '+' && plus:
			c = ' '
		}
		b = append(b, c)
	}
	if !utf8.Valid(b) {
		return "", "what is encoded is not UTF-8"
	}
	return string(b), ""
}

func urlParse(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := args[0].AsString()
	if err := t.Charge(8 + int64(len(text))/16); err != nil {
		return vm.Unit, err
	}
	fail := func(problem string) (vm.Value, *vm.Error) { return vm.Unit, invalid("url::parse", problem) }
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] == 0x7f {
			return fail("space or control character at byte " + strconv.Itoa(i))
		}
	}
	rest, fragment, _ := strings.Cut(text, "#")
	rest, query, _ := strings.Cut(rest, "?")
	scheme := ""
	if at := strings.IndexAny(rest, ":/"); at >= 0 && rest[at] == ':' {
		scheme, rest = strings.ToLower(rest[:at]), rest[at+1:]
		if !isScheme(scheme) {
			return fail("invalid scheme " + quoted(scheme))
		}
	}
	user, password, host, port := "", "", "", vm.Unit
	if strings.HasPrefix(rest, "//") {
		authority := rest[2:]
		rest = ""
		if at := strings.IndexByte(authority, '/'); at >= 0 {
			authority, rest = authority[:at], authority[at:]
		}
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			user, password, _ = strings.Cut(authority[:at], ":")
			authority = authority[at+1:]
		}
		var problem string
		if host, port, problem = hostAndPort(authority); problem != "" {
			return fail(problem)
		}
	}
	m := vm.NewMap(9)
	for _, part := range []struct{ name, text string }{{"username", user}, {"password", password}, {"fragment", fragment}} {
		decoded, problem := percentDecoded(part.text, false)
		if problem != "" {
			return fail(part.name + ": " + problem)
		}
		m.Set(part.name, vm.String(decoded))
	}
	last, all, err := parseQuery(t, query)
	if err != nil {
		return vm.Unit, err
	}
	m.Set("scheme", vm.String(scheme))
	m.Set("host", vm.String(host))
	m.Set("port", port)
	m.Set("path", vm.String(rest))
	m.Set("query", last)
	m.Set("query_all", all)
	return vm.NewMapValue(m), nil
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isLetter(c) && (i == 0 || !isDigit(c) && strings.IndexByte("+-.", c) < 0) {
			return false
		}
	}
	return s != ""
}

// hostAndPort splits an authority without its user. The port is () when there is none.
func hostAndPort(authority string) (host string, port vm.Value, problem string) {
	host, digits, found := authority, "", false
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", vm.Unit, "[ without ] in the host"
		}
		after := authority[end+1:]
		host = authority[:end+1]
		if digits, found = strings.CutPrefix(after, ":"); !found && after != "" {
			return "", vm.Unit, "unexpected " + quoted(after) + " after the host"
		}
	} else {
		host, digits, found = strings.Cut(authority, ":")
	}
	if !isHost(host) {
		return "", vm.Unit, "invalid host " + quoted(host)
	}
	if found && digits != "" {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return "", vm.Unit, "port must be between 0 and 65535, got " + quoted(digits)
		}
		port = vm.Int(int64(n))
	}
	return strings.ToLower(host), port, ""
}

// isHost reports whether s can stand for a host: a name, or an address in brackets.
func isHost(s string) bool {
	inside, isAddress := strings.CutPrefix(s, "[")
	if isAddress {
		var closed bool
		if inside, closed = strings.CutSuffix(inside, "]"); !closed || inside == "" {
			return false
		}
	}
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if !isLetter(c) && !isDigit(c) && c < utf8.RuneSelf && strings.IndexByte("-._~%!$&'()*+,;=", c) < 0 && !(isAddress && c == ':') {
			return false
		}
	}
	return true
}

// parseQuery reads the form of a query, a=1&b=2: the last value of each name, and all of them.
func parseQuery(t *vm.Thread, query string) (last, all vm.Value, err *vm.Error) {
	m, lists := vm.NewMap(0), vm.NewMap(0)
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, problem := percentDecoded(name, true)
		if problem == "" {
			value, problem = percentDecoded(value, true)
		}
		if problem != "" {
			return vm.Unit, vm.Unit, invalid("url::parse", "query: "+problem)
		}
		if list := lists.At(name); list != nil {
			a := list.AsArray()
			a.Items = append(a.Items, vm.String(value))
			if err := t.CheckArray(int64(len(a.Items))); err != nil {
				return vm.Unit, vm.Unit, err
			}
			m.Set(name, vm.String(value))
		} else {
			name = strings.Clone(name)
			m.Set(name, vm.String(value))
			lists.Set(name, vm.NewArray([]vm.Value{vm.String(value)}))
		}
		if err := t.CheckMap(int64(m.Len())); err != nil {
			return vm.Unit, vm.Unit, err
		}
		if err := t.Charge(1); err != nil {
			return vm.Unit, vm.Unit, err
		}
	}
	return vm.NewMapValue(m), vm.NewMapValue(lists), nil
}

// urlParts are the parts of a URL, in the order of their names.
const urlParts = "fragment, host, password, path, port, query, query_all, scheme, username"

func urlBuild(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	b, problem, err := buildURL(t, args[0].AsMap())
	if err == nil && problem != "" {
		err = invalid("url::build", problem)
	}
	if err == nil {
		err = makeString(t, len(b))
	}
	if err != nil {
		return vm.Unit, err
	}
	return vm.String(string(b)), nil
}

// valuesOf returns the values of a parameter: the items of an array, or itself.
func valuesOf(v vm.Value) []vm.Value {
	if v.Kind() == vm.KindArray {
		return v.AsArray().Items
	}
	return []vm.Value{v}
}

// lastIs reports whether the last of the values is shown as v is.
func lastIs(values []vm.Value, v vm.Value) bool {
	n := len(values)
	return n > 0 && isText(v) && isText(values[n-1]) && vm.Display(values[n-1]) == vm.Display(v)
}

func isQuery(name string) bool { return name == "query" || name == "query_all" }

func buildURL(t *vm.Thread, m *vm.Map) (b []byte, problem string, err *vm.Error) {
	texts := map[string]string{}
	var query, all *vm.Map
	for _, n := range m.Order() {
		name, v := m.Entry(n)
		switch {
		case !strings.Contains(", "+urlParts+", ", ", "+name+", "):
			return nil, "unknown part " + quoted(name) + "; there are " + urlParts, nil
		case v.IsUnit():
		case name == "query" && v.Kind() == vm.KindMap:
			query = v.AsMap()
		case name == "query_all" && v.Kind() == vm.KindMap:
			all = v.AsMap()
		case name == "port" && v.Kind() == vm.KindInt:
			if v.AsInt() < 0 || v.AsInt() > 65535 {
				return nil, "port must be between 0 and 65535, got " + vm.Display(*v), nil
			}
			texts[name] = vm.Display(*v)
		case !isQuery(name) && name != "port" && v.Kind() == vm.KindString:
			texts[name] = v.AsString()
			if err := t.Charge(int64(len(v.AsString())) / 16); err != nil {
				return nil, "", err
			}
		default:
			want := map[string]string{"query": "a map", "query_all": "a map", "port": "an integer"}[name]
			if want == "" {
				want = "a string"
			}
			return nil, name + " must be " + want + ", got " + v.TypeName(), nil
		}
	}
	if scheme := texts["scheme"]; scheme != "" {
		if !isScheme(scheme) {
			return nil, "invalid scheme " + quoted(scheme), nil
		}
		b = append(append(b, scheme...), ':')
	}
	path := texts["path"]
	if host := texts["host"]; host != "" {
		if !isHost(host) {
			return nil, "invalid host " + quoted(host), nil
		}
		b = append(b, "//"...)
		if user, password := texts["username"], texts["password"]; user != "" || password != "" {
			b = appendEncoded(b, user, "-._~")
			if password != "" {
				b = appendEncoded(append(b, ':'), password, "-._~")
			}
			b = append(b, '@')
		}
		b = append(b, host...)
		if texts["port"] != "" {
			b = append(append(b, ':'), texts["port"]...)
		}
		if path != "" && path[0] != '/' {
			b = append(b, '/')
		}
	} else if texts["port"] != "" || texts["username"] != "" || texts["password"] != "" {
		return nil, "host is missing", nil
	} else if strings.HasPrefix(path, "//") {
		return nil, "path must not begin with // without a host", nil
	}
	b = appendEncoded(b, path, "-._~!$&'()*+,;=:@/%")
	if query == nil {
		query = all
	}
	if query != nil && query.Len() > 0 {
		separator := byte('?')
		for _, n := range query.Order() {
			name, v := query.Entry(n)
			values := valuesOf(*v)
			if all != nil {
				if list := all.At(name); list != nil && len(values) == 1 && lastIs(valuesOf(*list), values[0]) {
					values = valuesOf(*list)
				}
			}
			for _, v := range values {
				if !isText(v) {
					return nil, "query." + name + " must be a string or an array of them, got " + v.TypeName(), nil
				}
				value := vm.Display(v)
				if err := t.Charge(1 + int64(len(name)+len(value))/16); err != nil {
					return nil, "", err
				}
				b = appendEncoded(append(b, separator), name, "-._~")
				b = appendEncoded(append(b, '='), value, "-._~")
				separator = '&'
			}
		}
	}
	if fragment := texts["fragment"]; fragment != "" {
		b = appendEncoded(append(b, '#'), fragment, "-._~!$&'()*+,;=:@/?")
	}
	return b, "", nil
}
