package lib

import (
	"math"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerStrings adds the functions of strings.
//
// Positions and lengths are in characters. Costs, for a string of n bytes: len, bytes,
// is_empty and pop are constant, and so is finding a place in a string that is all ASCII; in others
// it is linear in the distance from the place that was last found in it, but counts as linear in the
// place. get, sub_string, crop, truncate and chars add what they return,
// index_of and contains how far they search, append what is appended (amortised, see
// [vm.Value.Append]). Everything else is linear in n.
func registerStrings(l *vm.Library) {
	const s, c, i = vm.KindString, vm.KindChar, vm.KindInt

	l.Func("len", stringLen, s)
	l.Getter("len", stringLen, s)
	l.Func("is_empty", stringIsEmpty, s)
	l.Getter("is_empty", stringIsEmpty, s)
	l.Func("bytes", stringBytes, s)
	l.Getter("bytes", stringBytes, s)
	l.Func("to_blob", stringToBlob, s)

	l.Func("contains", stringContains, s, s)
	l.Func("contains", stringContains, s, c)
	l.Func("starts_with", stringStartsWith, s, s)
	l.Func("starts_with", stringStartsWith, s, c)
	l.Func("ends_with", stringEndsWith, s, s)
	l.Func("ends_with", stringEndsWith, s, c)
	for _, what := range []vm.Kind{s, c} {
		l.Func("index_of", stringIndexOf, s, what)
		l.Func("index_of", stringIndexOf, s, what, i)
	}

	l.Func("get", stringGet, s, i)
	l.Method("set", stringSet, s, i, c)
	l.Func("sub_string", subString, s, i)
	spanArgs(l.Func, "sub_string", subString, s)
	l.Method("crop", stringCrop, s, i)
	spanArgs(l.Method, "crop", stringCrop, s)
	l.Method("truncate", stringTruncate, s, i)
	l.Method("clear", stringClear, s)
	l.Method("pop", stringPop, s)
	l.Method("pop", stringPopMany, s, i)

	l.Method("append", stringAppendBlob, s, vm.KindBlob)
	l.Method("append", stringAppend, s, vm.KindAny)
	l.Method("remove", stringRemove, s, s)
	l.Method("remove", stringRemove, s, c)
	for _, find := range []vm.Kind{s, c} {
		for _, with := range []vm.Kind{s, c} {
			l.Method("replace", stringReplace, s, find, with)
		}
	}
	l.Method("pad", stringPad, s, i, c)
	l.Method("pad", stringPad, s, i, s)
	l.Method("trim", stringTrim, s)

	l.Func("to_upper", stringToUpper, s)
	l.Func("to_lower", stringToLower, s)
	l.Method("make_upper", changes(stringToUpper), s)
	l.Method("make_lower", changes(stringToLower), s)

	// As since Rhai 1.25 these may be called on constants; they take their string by reference all the same, so that
	// a part of one is written back.
	l.PureMethod("split", splitWhitespace, s)
	l.PureMethod("split", splitAt, s, i)
	for _, by := range []vm.Kind{s, c} {
		l.PureMethod("split", stringSplit, s, by)
		l.PureMethod("split", stringSplit, s, by, i)
		l.PureMethod("split_rev", stringSplitRev, s, by)
		l.PureMethod("split_rev", stringSplitRev, s, by, i)
	}
	l.Func("to_chars", stringToChars, s)
	l.Func("chars", stringChars, s)
	l.Getter("chars", stringChars, s)
	l.Func("chars", stringChars, s, i)
	l.Func("chars", stringChars, s, i, i)
	l.Func("chars", stringCharsIn, s, vm.KindRange)
	l.Func("chars", stringCharsIn, s, vm.KindRangeInclusive)
}

// bytesPerOperation is how many bytes of text or blob are worked on for one
// operation counted: about what one costs in time.
const bytesPerOperation = 64

func chargeBytes(t *vm.Thread, n int) *vm.Error { return t.Charge(int64(n) / bytesPerOperation) }

// pattern returns the text of a string or character argument.
func pattern(v vm.Value) string {
	if v.Kind() != vm.KindChar {
		return v.AsString()
	}
	if c := v.AsChar(); c < utf8.RuneSelf {
		return ascii[c : c+1]
	}
	return string(v.AsChar())
}

// ascii has all characters of one byte, so that one of them as text needs no memory.
const ascii = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" +
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f"

// changes makes a function of a value one that changes it.
func changes(f vm.NativeFunc) vm.NativeFunc {
	return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		v, err := f(t, args)
		if err != nil {
			return vm.Unit, err
		}
		assign(t, &args[0], v)
		return vm.Unit, nil
	}
}

// assign gives *target another value, which keeps the tag.
func assign(t *vm.Thread, target *vm.Value, v vm.Value) {
	if tag := t.Tag(*target); tag != 0 {
		v = t.WithTag(v, tag)
	}
	*target = v
}

func assignText(t *vm.Thread, target *vm.Value, s string) {
	if !vm.EqualText(s, target.AsString()) {
		assign(t, target, vm.String(s))
	}
}

func stringLen(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(args[0].Chars())), nil
}

func stringIsEmpty(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Bool(args[0].Chars() == 0), nil
}

func stringBytes(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(len(args[0].AsString()))), nil
}

func stringToBlob(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := args[0].AsString()
	if err := t.CheckBlob(int64(len(text))); err != nil {
		return vm.Unit, err
	}
	return vm.NewBlob([]byte(text)), chargeBytes(t, len(text))
}

func stringContains(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m := t.Meter()
	at, err := m.Search(args[0].AsString(), pattern(args[1]))
	return vm.Bool(at >= 0), err
}

// searchStep is how many bytes are searched between two counts of the work, and countStep how many
// if a byte is counted.
const (
	searchStep = 32 << 10
	countStep  = 8 << 10
)

// searchLast returns where find is last in text, -1 if nowhere.
func searchLast(m *vm.Meter, text, find string) (at int, err *vm.Error) {
	step := max(searchStep, len(find))
	for end := len(text); ; end -= step {
		from := max(end-step-len(find), 0)
		if at = vm.LastIndexText(text[from:end], find); at >= 0 {
			return from + at, m.Add(end - from - at)
		}
		if err := m.Add(end - from); err != nil || from == 0 {
			return -1, err
		}
	}
}

// count returns how often find is in text without overlapping; an empty one is before each
// character and at the end.
func count(m *vm.Meter, text, find string) (n int, err *vm.Error) {
	switch len(find) {
	case 0:
		return vm.CountChars(text) + 1, m.Add(len(text))
	case 1:
		for len(text) > 0 {
			part := text[:min(countStep, len(text))]
			n += vm.CountByte(part, find[0])
			if err := m.Add(len(part)); err != nil {
				return n, err
			}
			text = text[len(part):]
		}
		return n, nil
	}
	for ; ; n++ {
		at, err := m.Search(text, find)
		if err != nil || at < 0 {
			return n, err
		}
		text = text[at+len(find):]
	}
}

func stringStartsWith(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, start := args[0].AsString(), pattern(args[1])
	if len(start) > len(text) {
		return vm.Bool(false), nil
	}
	return vm.Bool(vm.EqualText(text[:len(start)], start)), t.ChargeText(start)
}

func stringEndsWith(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, end := args[0].AsString(), pattern(args[1])
	if len(end) > len(text) {
		return vm.Bool(false), nil
	}
	return vm.Bool(vm.EqualText(text[len(text)-len(end):], end)), t.ChargeText(end)
}

// charSpan works as span, for a string.
func charSpan(v vm.Value, start, n int64) (from, count int) { return span(v.Chars(), start, n) }

// placing returns how many bytes it takes to look through to find the character at index.
func placing(v vm.Value, index int) int {
	if v.IsASCII() {
		return 0
	}
	return index
}

// charIndex returns the index of the character that starts at a byte.
func charIndex(v vm.Value, offset int) int {
	if v.IsASCII() {
		return offset
	}
	return vm.CountChars(v.AsString()[:offset])
}

func stringIndexOf(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s := args[0]
	from, start := 0, 0
	if len(args) == 3 {
		from, _ = charSpan(s, args[2].AsInt(), 0)
		if from >= s.Chars() && args[2].AsInt() >= 0 {
			return vm.Int(-1), nil
		}
		start = t.ByteOffset(s, from)
	}
	if s.Chars() == 0 {
		return vm.Int(-1), nil
	}
	m := t.Meter()
	if err := m.Add(placing(s, from)); err != nil {
		return vm.Unit, err
	}
	at, err := m.Search(s.AsString()[start:], pattern(args[1]))
	if at >= 0 {
		at = charIndex(s, start+at)
	}
	return vm.Int(int64(at)), err
}

func stringGet(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	at, ok := itemIndex(args[0].Chars(), args[1].AsInt())
	if !ok {
		return vm.Unit, nil
	}
	return vm.Char(t.CharAt(args[0], at)), chargeBytes(t, placing(args[0], at))
}

func stringSet(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s := args[0]
	at, ok := itemIndex(s.Chars(), args[1].AsInt())
	if !ok {
		return vm.Unit, nil
	}
	text := s.AsString()
	from := t.ByteOffset(s, at)
	_, size := utf8.DecodeRuneInString(text[from:])
	with := pattern(args[2])
	n := len(text) - size + len(with)
	if err := t.CheckString(int64(n)); err != nil {
		return vm.Unit, err
	}
	changed, b := vm.Buffer(n, s.Chars())
	vm.PutText(vm.PutText(vm.PutText(b[:0], text[:from]), with), text[from+size:])
	assign(t, &args[0], changed)
	return vm.Unit, chargeBytes(t, n)
}

// spanOf returns the span of characters that a function's arguments after the first name: none
// (all of the string), a start, or a start and a length.
func spanOf(args []vm.Value) (from, count int) {
	start, n := int64(0), int64(math.MaxInt64)
	if len(args) > 1 {
		start = args[1].AsInt()
	}
	if len(args) > 2 {
		n = args[2].AsInt()
	}
	return charSpan(args[0], start, n)
}

func subString(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := spanOf(args)
	return t.Slice(args[0], from, count), chargeBytes(t, placing(args[0], from)+count)
}

func stringCrop(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := spanOf(args)
	if count == args[0].Chars() {
		return vm.Unit, nil
	}
	err := chargeBytes(t, placing(args[0], from)+count)
	assign(t, &args[0], t.Slice(args[0], from, count))
	return vm.Unit, err
}

func stringTruncate(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s := args[0]
	if n := max(args[1].AsInt(), 0); n < int64(s.Chars()) {
		assign(t, &args[0], s.Prefix(t.ByteOffset(s, int(n)), int(n)))
		return vm.Unit, chargeBytes(t, placing(s, int(n)))
	}
	return vm.Unit, nil
}

func stringClear(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	assignText(t, &args[0], "")
	return vm.Unit, nil
}

func stringPop(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s := args[0]
	if s.Chars() == 0 {
		return vm.Unit, nil
	}
	text := s.AsString()
	last, size := utf8.DecodeLastRuneInString(text)
	assign(t, &args[0], s.Prefix(len(text)-size, s.Chars()-1))
	return vm.Char(last), nil
}

func stringPopMany(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s := args[0]
	if args[1].AsInt() <= 0 {
		return vm.String(""), nil
	}
	n := int(min(args[1].AsInt(), int64(s.Chars())))
	keep := s.Chars() - n
	popped := t.Slice(s, keep, n)
	assign(t, &args[0], s.Prefix(t.ByteOffset(s, keep), keep))
	return popped, chargeBytes(t, placing(s, keep)+n)
}

func appendText(t *vm.Thread, target *vm.Value, text string) *vm.Error {
	if err := t.CheckString(int64(len(target.AsString())) + int64(len(text))); err != nil {
		return err
	}
	assign(t, target, target.Append(text))
	return chargeBytes(t, len(text))
}

func stringAppend(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, err := t.Display(args[1])
	if err != nil {
		return vm.Unit, err
	}
	return vm.Unit, appendText(t, &args[0], text)
}

func stringAppendBlob(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, err := t.LossyText(args[1].AsBlob().Data)
	if err != nil {
		return vm.Unit, err
	}
	return vm.Unit, appendText(t, &args[0], text)
}

func stringRemove(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	find := pattern(args[1])
	if find == "" {
		return vm.Unit, nil
	}
	m := t.Meter()
	return vm.Unit, replaceAll(t, &m, &args[0], find, "")
}

// replaceAll replaces what is not empty in a string.
func replaceAll(t *vm.Thread, m *vm.Meter, target *vm.Value, find, with string) *vm.Error {
	replaced, err := m.Replace(*target, find, with)
	if err == nil {
		assign(t, target, replaced)
	}
	return err
}

func stringReplace(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, find, with := args[0].AsString(), pattern(args[1]), pattern(args[2])
	m := t.Meter()
	switch {
	case text == "":
		return vm.Unit, nil
	case find == "":
		places := vm.CountChars(text) + 1
		size := int64(len(text)) + int64(places)*int64(len(with))
		if err := t.CheckString(size); err != nil {
			return vm.Unit, err
		}
		if err := m.Add(len(text) + int(size)); err != nil {
			return vm.Unit, err
		}
		assignText(t, &args[0], strings.ReplaceAll(text, find, with))
		return vm.Unit, nil
	case len(find) > 1 || len(with) != 1:
		return vm.Unit, replaceAll(t, &m, &args[0], find, with)
	}
	count, err := count(&m, text, find)
	if err != nil || count == 0 {
		return vm.Unit, err
	}
	replaced, b := vm.Buffer(len(text), args[0].Chars())
	if err := replaceBytes(&m, b, text, find[0], with[0]); err != nil {
		return vm.Unit, err
	}
	assign(t, &args[0], replaced)
	return vm.Unit, m.Add(count)
}

// replaceBytes works as [vm.ReplaceByte].
func replaceBytes(m *vm.Meter, to []byte, text string, find, with byte) *vm.Error {
	for len(text) > 0 {
		part := text[:min(countStep, len(text))]
		vm.ReplaceByte(to[:len(part)], part, find, with)
		if err := m.Add(len(part)); err != nil {
			return err
		}
		text, to = text[len(part):], to[len(part):]
	}
	return nil
}

func stringPad(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	length, padding := args[1].AsInt(), pattern(args[2])
	if length <= 0 {
		return vm.Unit, nil
	}
	if err := t.CheckString(length); err != nil {
		return vm.Unit, err
	}
	missing := int(length) - args[0].Chars()
	if missing <= 0 || padding == "" { // with nothing to pad with, Rhai would never come back
		return vm.Unit, nil
	}
	per := vm.CountChars(padding)
	rest := padding[:vm.ByteOffset(padding, missing%per)]
	size := int64(len(padding))*int64(missing/per) + int64(len(rest))
	if err := t.CheckString(size + int64(len(args[0].AsString()))); err != nil {
		return vm.Unit, err
	}
	if text := args[0].AsString(); size > int64(len(text)) {
		// Written where it stays; one that is shorter may have the room behind the text.
		padded, to := vm.Buffer(len(text)+int(size), int(length))
		fill(to[copy(to, text):], padding)
		assign(t, &args[0], padded)
		return vm.Unit, chargeBytes(t, int(size))
	}
	return vm.Unit, appendText(t, &args[0], strings.Repeat(padding, missing/per)+rest)
}

// fill writes a text over and over until the buffer is full.
func fill(to []byte, text string) {
	for n := copy(to, text); n < len(to); n *= 2 {
		copy(to[n:], to[:n])
	}
}

func stringTrim(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := args[0].AsString()
	assignText(t, &args[0], trimmed(text))
	return vm.Unit, chargeBytes(t, len(text))
}

// trimmed returns text without the white space at both ends.
func trimmed(text string) string {
	const spaces = "        "
	for strings.HasPrefix(text, spaces) {
		text = text[len(spaces):]
	}
	for strings.HasSuffix(text, spaces) {
		text = text[:len(text)-len(spaces)]
	}
	return strings.TrimSpace(text)
}

// shortText is up to how many bytes a text is looked through before room is made for what becomes
// of it.
const shortText = 64

// caseMapped returns the result of a mapping of a string's case, which may make it longer. first is
// the first of the letters of ASCII that it changes.
func caseMapped(t *vm.Thread, s vm.Value, first byte, mapping func(m *vm.Meter, s string) (string, *vm.Error)) (vm.Value, *vm.Error) {
	text, m := s.AsString(), t.Meter()
	if s.IsASCII() {
		if len(text) <= shortText && !vm.HasLetters(text, first) { // most words are in lower case
			return t.WithTag(s, 0), nil
		}
		mapped, b := vm.Buffer(len(text), len(text))
		changed, err := flipText(&m, b, text, first)
		if err != nil {
			return vm.Unit, err
		}
		if !changed {
			return t.WithTag(s, 0), nil
		}
		return mapped, t.CheckString(int64(len(text)))
	}
	mapped, err := mapping(&m, text)
	if err != nil {
		return vm.Unit, err
	}
	if vm.EqualText(mapped, text) {
		return t.WithTag(s, 0), nil
	}
	return vm.String(mapped), t.CheckString(int64(len(mapped)))
}

func stringToUpper(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return caseMapped(t, args[0], 'a', upperText)
}

func stringToLower(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return caseMapped(t, args[0], 'A', lowerText)
}

// pieces collects the parts a string is split into.
type pieces struct {
	t     *vm.Thread
	ascii bool // the string is
	items []vm.Value
	err   *vm.Error
}

// newPieces makes room for so many parts of a string.
func newPieces(t *vm.Thread, of vm.Value, count int) (pieces, *vm.Error) {
	if err := t.CheckArray(int64(count)); err != nil {
		return pieces{}, err
	}
	return pieces{t: t, ascii: of.IsASCII(), items: make([]vm.Value, 0, count)}, nil
}

// add adds a part and reports whether there may be more.
func (p *pieces) add(s string) bool {
	n := len(p.items)
	p.items = p.items[:n+1]
	if p.ascii {
		p.items[n] = vm.ASCII(s)
	} else {
		p.items[n] = vm.String(s)
	}
	p.err = p.t.Charge(1 + int64(len(s))/bytesPerOperation)
	return p.err == nil
}

func (p *pieces) array() (vm.Value, *vm.Error) { return vm.NewArray(p.items), p.err }

func splitWhitespace(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := args[0].AsString()
	if text == "" {
		return vm.NewArray([]vm.Value{t.WithTag(args[0], 0)}), nil
	}
	if args[0].IsASCII() {
		return splitWords(t, args[0])
	}
	words, inWord, m, metered := 0, false, t.Meter(), 0
	for i := 0; i < len(text); {
		if i >= metered+searchStep {
			if err := m.Add(i - metered); err != nil {
				return vm.Unit, err
			}
			metered = i
		}
		space, size := spaceAt(text, i)
		if !space && !inWord {
			words++
		}
		inWord = !space
		i += size
	}
	p, err := newPieces(t, args[0], words)
	if err != nil {
		return vm.Unit, err
	}
	start := -1
	for i := 0; i < len(text); {
		space, size := spaceAt(text, i)
		switch {
		case space && start >= 0:
			if !p.add(text[start:i]) {
				return p.array()
			}
			start = -1
		case !space && start < 0:
			start = i
		}
		i += size
	}
	if start >= 0 {
		p.add(text[start:])
	}
	return p.array()
}

// splitWords works as splitWhitespace, for ASCII that is not empty.
func splitWords(t *vm.Thread, of vm.Value) (vm.Value, *vm.Error) {
	text, m, words := of.AsString(), t.Meter(), vm.Words{}
	edges := 0 // of words: where they start, and where they end
	for i := 0; i < len(text); i += 8 {
		if i > 0 && i%searchStep == 0 {
			if err := m.Add(searchStep); err != nil {
				return vm.Unit, err
			}
		}
		edges += bits.OnesCount64(words.Edges(text, i))
	}
	p, err := newPieces(t, of, (edges+1)/2)
	if err != nil {
		return vm.Unit, err
	}
	start := -1
	words = vm.Words{}
	for i := 0; i < len(text); i += 8 {
		for edges := words.Edges(text, i); edges != 0; edges &= edges - 1 {
			at := i + bits.TrailingZeros64(edges)/8
			if start < 0 {
				start = at
				continue
			}
			if !p.add(text[start:at]) {
				return p.array()
			}
			start = -1
		}
	}
	if start >= 0 {
		p.add(text[start:])
	}
	return p.array()
}

// spaceAt reports whether the character that starts at s[i] is white space, and how long it is.
func spaceAt(s string, i int) (space bool, size int) {
	c := s[i]
	if c < utf8.RuneSelf {
		return c == ' ' || c-'\t' < 5, 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return unicode.IsSpace(r), size
}

// splitAt splits into two. An index of zero or less counts from the end.
func splitAt(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	s, index := args[0], args[1].AsInt()
	size := int64(s.Chars())
	at := 0
	switch {
	case index > 0:
		at = int(min(index, size))
	case index >= -size:
		at = int(size + index)
	}
	text := s.AsString()
	p, err := newPieces(t, s, 2)
	if err != nil {
		return vm.Unit, err
	}
	cut := t.ByteOffset(s, at)
	p.add(text[:cut])
	p.add(text[cut:])
	return p.array()
}

// splitLimit returns how many pieces a split may make: its third argument, if there.
func splitLimit(args []vm.Value) int64 {
	if len(args) == 3 {
		return max(args[2].AsInt(), 1)
	}
	return math.MaxInt64
}

// stringSplit splits at each delimiter. An empty one is found before each
// character and at the end.
func stringSplit(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, by := args[0].AsString(), pattern(args[1])
	if text == "" {
		return vm.NewArray([]vm.Value{t.WithTag(args[0], 0)}), nil
	}
	m := t.Meter()
	found, err := count(&m, text, by)
	if err != nil {
		return vm.Unit, err
	}
	count := min(int64(found)+1, splitLimit(args))
	p, err := newPieces(t, args[0], int(count))
	if err != nil {
		return vm.Unit, err
	}
	start, from := 0, 0 // of the piece, and of the search
	for ; count > 1; count-- {
		at, err := m.Search(text[from:], by)
		if err != nil {
			return vm.Unit, err
		}
		at += from
		if !p.add(text[start:at]) {
			return p.array()
		}
		start = at + len(by)
		from = start
		if by == "" && start < len(text) {
			_, size := utf8.DecodeRuneInString(text[start:])
			from += size
		}
	}
	p.add(text[start:])
	return p.array()
}

// stringSplitRev splits as stringSplit does, but from the end: the last piece comes first.
func stringSplitRev(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, by := args[0].AsString(), pattern(args[1])
	if text == "" {
		return vm.NewArray([]vm.Value{t.WithTag(args[0], 0)}), nil
	}
	// Delimiters that overlap may be fewer from this side, but not more than these.
	m := t.Meter()
	found, err := count(&m, text, by)
	if err != nil {
		return vm.Unit, err
	}
	count := min(int64(found)+1, splitLimit(args))
	p, err := newPieces(t, args[0], int(count))
	if err != nil {
		return vm.Unit, err
	}
	end, to := len(text), len(text)
	for ; count > 1; count-- {
		at := to
		if by != "" {
			if at, err = searchLast(&m, text[:to], by); err != nil {
				return vm.Unit, err
			}
			if at < 0 {
				break
			}
		}
		if !p.add(text[at+len(by) : end]) {
			return p.array()
		}
		end, to = at, at
		if by == "" && to > 0 {
			_, size := utf8.DecodeLastRuneInString(text[:to])
			to -= size
		}
	}
	p.add(text[:end])
	return p.array()
}

// charsStep is how many characters become items between two counts of the work.
const charsStep = 128

func stringToChars(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n := int64(args[0].Chars())
	if err := t.CheckArray(n); err != nil {
		return vm.Unit, err
	}
	items, m := make([]vm.Value, n), t.Meter()
	text := args[0].AsString()
	for left := items; len(left) > 0; {
		part := left[:min(charsStep, len(left))]
		left = left[len(part):]
		if err := m.AddEach(len(part), bytesPerOperation); err != nil {
			return vm.Unit, err
		}
		for i := range part {
			r, size := rune(text[0]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(text)
			}
			part[i] = vm.Char(r)
			text = text[size:]
		}
	}
	return vm.NewArray(items), nil
}

func stringChars(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := spanOf(args)
	text := args[0].AsString()[t.ByteOffset(args[0], from):]
	return vm.NewIterator(&vm.Iterator{Type: "rhai::packages::iter_basic::CharsStream", Start: func() func() (vm.Value, bool) {
		rest, left := text, count
		return func() (vm.Value, bool) {
			if left == 0 {
				return vm.Unit, false
			}
			r, size := utf8.DecodeRuneInString(rest)
			rest, left = rest[size:], left-1
			return vm.Char(r), true
		}
	}}), nil
}

// stringCharsIn differs from the other functions that take a range: one that ends before it
// starts is empty even if it includes its end.
func stringCharsIn(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	start, n := rangeSpan(args[1])
	if args[1].AsRange().To < start {
		n = 0
	}
	return stringChars(t, []vm.Value{args[0], vm.Int(start), vm.Int(n)})
}
