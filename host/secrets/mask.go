package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unsafe"
)

// Masked stands where a value was.
const Masked = "***"

// Bounds of what is masked.
const (
	// MinMasked is how many bytes a value must have to be masked: shorter ones are in much that is no
	// secret.
	MinMasked = 6
	// maxEncoded is up to how many bytes a value is looked for in other forms than its own and that of
	// JSON. Private keys are below it.
	maxEncoded = 4 << 10
	// longText is from how many bytes on the beginning of a text is as good as all of it.
	longText = 64
	// minLine is how long a line of a value of several must be to be looked for alone.
	minLine = 16
)

// Ahead is how many bytes more than those that are shown must be given to [Mask.Hide], and how many at the
// end of what it returns must be dropped, when a text is cut: the text that is read ends within a value of
// which less than longText bytes are there, and those become up to three times as many as valid UTF-8.
const Ahead = 3 * longText

// Mask finds the values of an app's secrets in a text: as they are, within JSON, and up to 4 KiB also as
// base64 wherever in it they begin, as hexadecimal and percent-encoded; of a value of several lines each
// line too. It is for accidents: whoever writes a script can show a secret in a form that nobody looks for.
//
// A text begins where its first six bytes do. They are looked up in a bitmap, so that reading a text costs
// about the same with one secret and with many. Those of the same first bytes are in order, in which a text is
// looked for by halves: the lines of a value may all begin alike.
type Mask struct {
	begins [1 << 10]uint64    // a bit for each hash of the first bytes
	texts  map[string][]known // by their first bytes, in order
}

// known is a text that is looked for.
type known struct {
	text string
	// within is the index of the longest other one of less than longText bytes that this one begins with;
	// -1: there is none.
	within int
}

// NewMask makes what hides some values; nil when there is nothing to hide.
func NewMask(values []string) *Mask {
	m := &Mask{texts: map[string][]known{}}
	for _, v := range values {
		for _, text := range forms(strings.TrimSpace(v)) {
			m.add(text)
		}
	}
	if len(m.texts) == 0 {
		return nil
	}
	for first, texts := range m.texts {
		slices.SortFunc(texts, func(a, b known) int { return strings.Compare(a.text, b.text) })
		texts = slices.Clip(slices.CompactFunc(texts, func(a, b known) bool { return a.text == b.text }))
		within := -1
		for i := range texts {
			for within >= 0 && !strings.HasPrefix(texts[i].text, texts[within].text) {
				within = texts[within].within
			}
			texts[i].within = within
			if len(texts[i].text) < longText {
				within = i
			}
		}
		m.texts[first] = texts
	}
	return m
}

// bytes is about how much memory it has.
func (m *Mask) bytes() (n int) {
	if m == nil {
		return 0
	}
	n = int(unsafe.Sizeof(*m))
	for first, texts := range m.texts {
		n += len(first) + cap(texts)*int(unsafe.Sizeof(known{}))
		for _, known := range texts {
			n += len(known.text)
		}
	}
	return n
}

func (m *Mask) add(text string) {
	if len(text) < MinMasked {
		return
	}
	first := text[:MinMasked]
	m.texts[first] = append(m.texts[first], known{text: text})
	var window uint64
	for i := range MinMasked {
		window = window<<8 | uint64(first[i])
	}
	h := hash(window)
	m.begins[h>>6] |= 1 << (h & 63)
}

// hash makes 16 bits of the last six bytes of a window.
func hash(window uint64) uint64 { return window << 16 * 0x9E3779B97F4A7C15 >> 48 }

// Hide puts [Masked] in the place of every value.
func (m *Mask) Hide(text string) string {
	if m == nil {
		return text
	}
	hidden, _ := m.hide(text)
	return hidden
}

// hide also returns how many of the known texts it looked at.
func (m *Mask) hide(text string) (hidden string, looked int) {
	var out []byte
	done := 0              // up to where out has the text
	from, to := -1, -1     // what is to be hidden next; -1: nothing yet
	var window uint64      // the last bytes
	begin := MinMasked - 1 // the first byte at which a window ends that counts
	for i := 0; i < len(text); i++ {
		window = window<<8 | uint64(text[i])
		if i < begin {
			continue
		}
		h := hash(window)
		if m.begins[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		start := i - (MinMasked - 1)
		n, of := m.match(text[start:])
		looked += of
		if n == 0 {
			continue
		}
		if from >= 0 && start > to {
			out = append(append(out, text[done:from]...), Masked...)
			done, from = to, start
		} else if from < 0 {
			from = start
		}
		to = max(to, start+n)
		if n >= longText { // what else begins in it is not looked for: that takes time
			i, begin = start+n-1, start+n+MinMasked-1
		}
	}
	if from < 0 {
		return text, looked
	}
	out = append(append(append(out, text[done:from]...), Masked...), text[to:]...)
	return strings.ToValidUTF8(string(out), "\uFFFD"), looked // where a beginning ends within a character
}

// match returns how many bytes at the beginning of a text are to be hidden, and how many of the known texts it
// looked at for that.
//
// The one that has most in common with the text is beside the place where the text would be in their order.
// All that the text begins with, the one before that place begins with too.
func (m *Mask) match(text string) (n, looked int) {
	texts := m.texts[text[:MinMasked]]
	after, end := 0, len(texts)
	for after < end {
		looked++
		if middle := (after + end) / 2; texts[middle].text <= text {
			after = middle + 1
		} else {
			end = middle
		}
	}
	common := 0
	if after > 0 {
		looked++
		common = commonPrefix(text, texts[after-1].text)
	}
	if after < len(texts) {
		looked++
		if next := commonPrefix(text, texts[after].text); next >= longText {
			n = next
		}
	}
	if common >= longText {
		return max(n, common), looked
	}
	if n > 0 {
		return n, looked
	}
	for i := after - 1; i >= 0; i = texts[i].within {
		looked++
		if len(texts[i].text) <= common {
			return len(texts[i].text), looked
		}
	}
	return 0, looked
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	if a[:n] == b[:n] {
		return n
	}
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// HideJSON is Hide of JSON, which stays JSON: what is not any more becomes a string.
func (m *Mask) HideJSON(data json.RawMessage) json.RawMessage {
	if m == nil || len(data) == 0 {
		return data
	}
	text := string(data)
	hidden := m.Hide(text)
	if hidden == text {
		return data
	}
	if !json.Valid([]byte(hidden)) {
		quoted, _ := json.Marshal(hidden) // of a string
		return quoted
	}
	return json.RawMessage(hidden)
}

// forms are the texts by which a value shows itself.
func forms(value string) (all []string) {
	if len(value) < MinMasked {
		return nil
	}
	all = append(all, value)
	all = append(all, inJSON(value)...)
	if lines := strings.Split(value, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= minLine && !strings.HasPrefix(line, "-----") {
				all = append(all, line)
			}
		}
	}
	if len(value) > maxEncoded {
		return all
	}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value), strings.ReplaceAll(url.QueryEscape(value), "+", "%20")} {
		all = append(all, escaped, lowerEscapes(escaped))
	}
	hexadecimal := hex.EncodeToString([]byte(value))
	all = append(all, hexadecimal, strings.ToUpper(hexadecimal))
	for before := range 3 {
		all = append(all, within(base64.RawStdEncoding, value, before), within(base64.RawURLEncoding, value, before))
	}
	return all
}

// inJSON is a text as a string of JSON has it, with and without the escapes for HTML, and as such a string
// is within another.
func inJSON(text string) (all []string) {
	texts := []string{text}
	for range 2 {
		var escaped []string
		for _, text := range texts {
			var plain strings.Builder
			encoder := json.NewEncoder(&plain)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(text) // a string
			html, _ := json.Marshal(text)
			escaped = append(escaped, strings.TrimSuffix(plain.String()[1:], "\"\n"), string(html[1:len(html)-1]))
		}
		texts = escaped
		all = append(all, texts...)
	}
	return all
}

// within is what the base64 of anything has of a text that comes after so many bytes modulo 3: the
// characters that are made of it alone.
func within(encoding *base64.Encoding, text string, before int) string {
	encoded := encoding.EncodeToString(append(make([]byte, before), text...))
	return encoded[(before*8+5)/6 : (before+len(text))*8/6]
}

// lowerEscapes writes the digits of percent-encoding in lower case.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(text[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}
