package bridge

import (
	"strings"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerHTML adds the functions of html.
//
//	escape(text)   the text for an element or a quoted attribute: & < > " ' are written as references
func registerHTML(l *vm.Library) {
	l.Func("html::escape", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		text, err := escapeHTML(t, args[0].AsString())
		return vm.String(text), err
	}, vm.KindString)
}

// references are what the characters are written as that mean something in HTML.
var references = [256]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&#39;"}

func escapeHTML(t *vm.Thread, text string) (string, *vm.Error) {
	if err := t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
		return "", err
	}
	size := len(text)
	for i := range len(text) {
		if reference := references[text[i]]; reference != "" {
			size += len(reference) - 1
		}
	}
	if size == len(text) {
		return text, nil
	}
	if err := makeString(t, size); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(size)
	from := 0
	for i := range len(text) {
		if reference := references[text[i]]; reference != "" {
			b.WriteString(text[from:i])
			b.WriteString(reference)
			from = i + 1
			if err := t.Poll(); err != nil {
				return "", err
			}
		}
	}
	b.WriteString(text[from:])
	return b.String(), nil
}
