package abi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi/decimal"
)

// Values and JSON
//
//	value    MessagePack          JSON
//	unit     nil                  null
//	bool     bool                 true, false
//	i64      int, uint            digits without point or exponent
//	f64      float 64             a number with a point or an exponent
//	string   str                  string
//	blob     bin                  {"$blob":"<base64>"}
//	array    array                array
//	map      map, string keys     object, in the order of the map
//
// A JSON integer beyond 64 bits becomes a float. An object whose only key is
// $blob with standard base64 becomes a blob. NaN, infinities and MessagePack
// extensions (function pointers, timestamps) have no JSON and are refused.

// MaxValueDepth is how deep arrays and maps may nest when a value is turned
// into JSON or back.
const MaxValueDepth = 128

// A ValueError says where in a value something cannot be converted.
type ValueError struct {
	Path   string // "body.items[3].price"; "" for the value itself
	Reason string
}

func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// within prefixes the path of a conversion error with where the value is.
func within(err error, step string) error {
	if e, ok := err.(*ValueError); ok {
		if e.Path != "" && e.Path[0] != '[' {
			step += "."
		}
		e.Path = step + e.Path
	}
	return err
}

// AppendJSON appends a MessagePack value as JSON. The error is a [*ValueError].
func AppendJSON(dst []byte, value msgp.Raw) ([]byte, error) {
	dst, rest, err := appendJSON(dst, value, 0)
	if err == nil && len(rest) > 0 {
		err = malformed
	}
	if err != nil {
		return dst, asValueError(err)
	}
	return dst, nil
}

var malformed = &ValueError{Reason: "malformed MessagePack"}

func asValueError(err error) error {
	if e, ok := err.(*ValueError); ok && e != malformed {
		return e
	}
	return &ValueError{Reason: malformed.Reason}
}

func appendJSON(dst, b []byte, depth int) (out, rest []byte, err error) {
	if len(b) == 0 {
		return dst, b, malformed
	}
	if depth > MaxValueDepth {
		return dst, b, &ValueError{Reason: "nested deeper than " + strconv.Itoa(MaxValueDepth) + " levels"}
	}
	switch msgp.NextType(b) {
	case msgp.NilType:
		rest, err = msgp.ReadNilBytes(b)
		return append(dst, "null"...), rest, err
	case msgp.BoolType:
		var v bool
		v, rest, err = msgp.ReadBoolBytes(b)
		return strconv.AppendBool(dst, v), rest, err
	case msgp.IntType:
		var v int64
		v, rest, err = msgp.ReadInt64Bytes(b)
		return strconv.AppendInt(dst, v, 10), rest, err
	case msgp.UintType:
		var v uint64
		v, rest, err = msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(dst, v, 10), rest, err
	case msgp.Float32Type, msgp.Float64Type:
		var v float64
		if v, rest, err = msgp.ReadFloat64Bytes(b); err != nil {
			return dst, rest, err
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, rest, &ValueError{Reason: strconv.FormatFloat(v, 'g', -1, 64) + " cannot be written as JSON"}
		}
		return appendFloat(dst, v), rest, nil
	case msgp.StrType:
		var v []byte
		v, rest, err = msgp.ReadStringZC(b)
		return appendString(dst, v), rest, err
	case msgp.BinType:
		var v []byte
		v, rest, err = msgp.ReadBytesZC(b)
		dst = append(dst, `{"$blob":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, `"}`...), rest, err
	case msgp.ArrayType:
		var n uint32
		n, rest, err = msgp.ReadArrayHeaderBytes(b)
		dst = append(dst, '[')
		for i := uint32(0); i < n && err == nil; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, rest, err = appendJSON(dst, rest, depth+1); err != nil {
				return dst, rest, within(asValueError(err), "["+strconv.FormatUint(uint64(i), 10)+"]")
			}
		}
		return append(dst, ']'), rest, err
	case msgp.MapType:
		var n uint32
		n, rest, err = msgp.ReadMapHeaderBytes(b)
		dst = append(dst, '{')
		for i := uint32(0); i < n && err == nil; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			var key []byte
			if key, rest, err = msgp.ReadStringZC(rest); err != nil {
				return dst, rest, err
			}
			dst = append(appendString(dst, key), ':')
			if dst, rest, err = appendJSON(dst, rest, depth+1); err != nil {
				return dst, rest, within(asValueError(err), string(key))
			}
		}
		return append(dst, '}'), rest, err
	default:
		return dst, b, &ValueError{Reason: "a function pointer or timestamp cannot be written as JSON"}
	}
}

// appendFloat writes a float so that it reads back as the same float and not
// as an integer.
func appendFloat(dst []byte, v float64) []byte {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, format, -1, 64)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

const hex = "0123456789abcdef"

func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

// A JSONError says where a text is not JSON.
type JSONError struct {
	Offset int // bytes from the start
	Reason string
}

func (e *JSONError) Error() string {
	return "invalid JSON at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// AppendFromJSON appends a JSON text (RFC 8259) as a MessagePack value. The
// error is a [*JSONError].
func AppendFromJSON(dst []byte, text []byte) (msgp.Raw, error) {
	return AppendFromJSONUntil(dst, text, nil)
}

// ErrStopped is why [AppendFromJSONUntil] ended early.
var ErrStopped = errors.New("stopped")

// AppendFromJSONUntil works as [AppendFromJSON] for texts that take long: it asks stop each
// few KiB, and ends with [ErrStopped] when that is true.
func AppendFromJSONUntil(dst []byte, text []byte, stop func() bool) (msgp.Raw, error) {
	p := jsonParser{text: text, out: dst, stop: stop}
	p.space()
	if err := p.value(0); err != nil {
		return dst, err
	}
	if p.space(); p.at < len(text) {
		return dst, p.fail("unexpected " + p.next())
	}
	return p.out, nil
}

type jsonParser struct {
	text []byte
	at   int
	out  []byte
	stop func() bool // nil: never
	due  int         // where to ask it next
}

// stopped asks whether to stop if it is time to.
func (p *jsonParser) stopped() bool {
	const every = 4 << 10
	if p.at < p.due || p.stop == nil {
		return false
	}
	p.due = p.at + every
	return p.stop()
}

func (p *jsonParser) fail(reason string) error { return &JSONError{Offset: p.at, Reason: reason} }

// next describes the next character for an error.
func (p *jsonParser) next() string {
	if p.at >= len(p.text) {
		return "end"
	}
	r, _ := utf8.DecodeRune(p.text[p.at:])
	return strconv.QuoteRune(r)
}

func (p *jsonParser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *jsonParser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) error {
	if depth > MaxValueDepth {
		return p.fail("nested deeper than " + strconv.Itoa(MaxValueDepth) + " levels")
	}
	if p.at >= len(p.text) {
		return p.fail("unexpected end")
	}
	if p.stopped() {
		return ErrStopped
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		start := len(p.out)
		p.out = append(p.out, 0xdb, 0, 0, 0, 0) // str 32
		if err := p.string(); err != nil {
			return err
		}
		p.shorten(start)
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("true"):
		p.out = msgp.AppendBool(p.out, true)
	case p.word("false"):
		p.out = msgp.AppendBool(p.out, false)
	case p.word("null"):
		p.out = msgp.AppendNil(p.out)
	default:
		return p.fail("unexpected " + p.next())
	}
	return nil
}

func (p *jsonParser) word(w string) bool {
	if len(p.text)-p.at >= len(w) && string(p.text[p.at:p.at+len(w)]) == w {
		p.at += len(w)
		return true
	}
	return false
}

// shorten returns the message with the string from start, written with the longest header, the
// shortest it can have.
func (p *jsonParser) shorten(start int) {
	body := p.out[start+5:]
	n := len(body)
	switch {
	case n < 32:
		p.out[start] = 0xa0 | byte(n)
		copy(p.out[start+1:], body)
		p.out = p.out[:start+1+n]
	case n < 256:
		p.out[start], p.out[start+1] = 0xd9, byte(n)
		copy(p.out[start+2:], body)
		p.out = p.out[:start+2+n]
	default:
		binary.BigEndian.PutUint32(p.out[start+1:], uint32(n))
	}
}

func (p *jsonParser) array(depth int) error {
	p.at++
	start, n := len(p.out), uint32(0)
	p.out = append(p.out, 0xdd, 0, 0, 0, 0) // array 32
	p.space()
	if p.take(']') {
		p.out = msgp.AppendArrayHeader(p.out[:start], 0)
		return nil
	}
	for {
		p.space()
		if err := p.value(depth + 1); err != nil {
			return err
		}
		n++
		p.space()
		if p.take(']') {
			binary.BigEndian.PutUint32(p.out[start+1:], n)
			return nil
		}
		if !p.take(',') {
			return p.fail("expected , or ] but found " + p.next())
		}
	}
}

func (p *jsonParser) object(depth int) error {
	p.at++
	start, n := len(p.out), uint32(0)
	p.out = append(p.out, 0xdf, 0, 0, 0, 0) // map 32
	p.space()
	if p.take('}') {
		p.out = msgp.AppendMapHeader(p.out[:start], 0)
		return nil
	}
	for {
		p.space()
		if p.at >= len(p.text) || p.text[p.at] != '"' {
			return p.fail("expected a key in quotes but found " + p.next())
		}
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		if !p.take(':') {
			return p.fail("expected : but found " + p.next())
		}
		p.space()
		if err := p.value(depth + 1); err != nil {
			return err
		}
		n++
		p.space()
		if p.take('}') {
			binary.BigEndian.PutUint32(p.out[start+1:], n)
			if n == 1 {
				p.blob(start)
			}
			return nil
		}
		if !p.take(',') {
			return p.fail("expected , or } but found " + p.next())
		}
	}
}

// blob replaces the map of one entry at start by a blob if it stands for one.
func (p *jsonParser) blob(start int) {
	key, rest, err := msgp.ReadStringZC(p.out[start+5:])
	if err != nil || string(key) != "$blob" || msgp.NextType(rest) != msgp.StrType {
		return
	}
	text, _, err := msgp.ReadStringZC(rest)
	if err != nil {
		return
	}
	data, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || base64.StdEncoding.EncodedLen(len(data)) != len(text) {
		return // not what we would write
	}
	p.out = msgp.AppendBytes(p.out[:start], data)
}

func (p *jsonParser) number() error {
	start := p.at
	digits := func() bool {
		from := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		return p.at > from
	}
	p.take('-')
	if zero := p.take('0'); !zero && !digits() {
		return p.fail("expected a digit but found " + p.next())
	}
	whole := true
	if p.take('.') {
		if whole = false; !digits() {
			return p.fail("expected a digit but found " + p.next())
		}
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if whole = false; !digits() {
			return p.fail("expected a digit but found " + p.next())
		}
	}
	text := string(p.text[start:p.at])
	if whole && text != "-0" {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			p.out = msgp.AppendInt64(p.out, v)
			return nil
		}
	}
	v, err := decimal.ParseFloat(text)
	if err != nil {
		p.at = start
		return p.fail("the number is out of range")
	}
	p.out = msgp.AppendFloat64(p.out, v)
	return nil
}

// string appends the characters of a string in quotes.
func (p *jsonParser) string() error {
	p.at++
	for p.at < len(p.text) {
		if p.stopped() {
			return ErrStopped
		}
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return nil
		case c < 0x20:
			return p.fail("control character in a string")
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c < utf8.RuneSelf:
			p.plain()
		default:
			r, size := utf8.DecodeRune(p.text[p.at:])
			if r == utf8.RuneError && size == 1 {
				return p.fail("invalid UTF-8")
			}
			p.out = append(p.out, p.text[p.at:p.at+size]...)
			p.at += size
		}
	}
	return p.fail("unexpected end in a string")
}

// plain appends characters of a string that stand for themselves, but not many KiB.
func (p *jsonParser) plain() {
	const most = 4 << 10
	rest := p.text[p.at:min(p.at+most, len(p.text))]
	n := 0
	for n < len(rest) && rest[n] >= 0x20 && rest[n] < utf8.RuneSelf && rest[n] != '"' && rest[n] != '\\' {
		n++
	}
	p.out = append(p.out, rest[:n]...)
	p.at += n
}

func (p *jsonParser) escape() error {
	if p.at+1 >= len(p.text) {
		return p.fail("unexpected end in a string")
	}
	c := p.text[p.at+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := p.unicode(p.at)
		if !ok {
			return p.fail("invalid \\u escape")
		}
		p.at += 6
		if utf16.IsSurrogate(r) {
			low, ok := p.unicode(p.at)
			if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
				p.at += 6
				r = pair
			} else {
				r = utf8.RuneError // half a pair names no character
			}
		}
		p.out = utf8.AppendRune(p.out, r)
		return nil
	default:
		return p.fail("invalid escape")
	}
	p.out = append(p.out, c)
	p.at += 2
	return nil
}

// unicode reads \uXXXX at a place.
func (p *jsonParser) unicode(at int) (rune, bool) {
	if len(p.text)-at < 6 || p.text[at] != '\\' || p.text[at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.text[at+2:at+6]), 16, 16)
	return rune(v), err == nil
}
