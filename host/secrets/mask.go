package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
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

	// Bytes of memory for each byte of a value, about: of one that is looked for in all forms, and of others.
	textsOfShort, textsOfLong = 16, 3
)

// Mask finds the values of an app's secrets in a text: as they are, within JSON, and up to 4 KiB also as
// base64 wherever it begins, as hexadecimal and percent-encoded; of a value of several lines each line too. It is
// for accidents: whoever writes a script can show a secret in a form that nobody looks for.
//
// A text begins where its first six bytes do. They are looked up in a bitmap, so that reading a text costs
// about the same with one secret and with many.
type Mask struct {
	begins [1 << 10]uint64     // a bit for each hash of the first bytes
	texts  map[string][]string // by their first bytes, the longest first
}

// NewMask makes what hides some values; nil when there is nothing to hide.
func NewMask(values []string) *Mask {
	m := &Mask{texts: map[string][]string{}}
	for _, v := range values {
		for _, text := range forms(strings.TrimSpace(v)) {
			m.add(text)
		}
	}
	if len(m.texts) == 0 {
		return nil
	}
	for _, texts := range m.texts {
		slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	}
	return m
}

func (m *Mask) add(text string) {
	if len(text) < MinMasked {
		return
	}
	first := text[:MinMasked]
	if slices.Contains(m.texts[first], text) {
		return
	}
	m.texts[first] = append(m.texts[first], text)
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
		n := m.match(text[start:])
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
		return text
	}
	out = append(append(append(out, text[done:from]...), Masked...), text[to:]...)
	return strings.ToValidUTF8(string(out), "\uFFFD") // where a beginning ends within a character
}

// match returns how many bytes at the beginning of a text are to be hidden.
func (m *Mask) match(text string) (n int) {
	for _, known := range m.texts[text[:MinMasked]] {
		common := commonPrefix(text, known)
		if common == len(known) || common >= longText {
			n = max(n, common)
		}
	}
	return n
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
