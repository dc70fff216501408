package cli

import (
	"strings"
	"testing"
)

// What needs no server. The names from one are tested end to end.
func TestComplete(t *testing.T) {
	ownConfig(t)
	t.Setenv("PICLOUD_TOKEN", "")
	for _, test := range []struct {
		typed string // the last word is completed
		want  string
	}{
		{"lo", "login logout logs"},
		{"scripts ", "cases delete diff list restore show validate versions"},
		{"scripts s", "show"},
		{"com", "completion"},
		{"complete", ""},
		{"completion ", "bash fish zsh"},
		{"apps list --", "--context --help --output --url"},
		{"apps list --o", "--output"},
		{"apps list --output ", "json table"},
		{"apps list -o j", "json"},
		{"apps list --output=", "--output=json --output=table"},
		{"apps list --output=t", "--output=table"},
		{"apps list --output = t", "table"},
		{"logs greet --level w", "warn"},
		{"logs greet --follow --level ", "debug error info trace warn"},
		{"deploy ", ":files"},
		{"deploy x.rhai --kind ", "endpoint module plugin"},
		{"kv put c k -5 --", "--app --context --help --if-absent --output --ttl --url"},
		{"kv import c ", ":files"},
		{"triggers create ", "cron dead-letter docs files kv pubsub queue"},
		{"triggers create docs --operations ", "create delete expire update"},
		{"triggers update nightly --ba", "--backoff --base"},
		{"triggers update nightly --disabled --backoff ", "constant exponential linear"},
		{"dead-letters list --unresolved --source c", "call cron"},
		{"triggers show ", ""},
		{"scripts show ", ""}, // nobody is logged in
		{"apps list --bogus ", ""},
		{"apps list --help=", ""},
	} {
		var words []string
		for _, s := range complete(t.Context(), newParser(t).Model, strings.Split(test.typed, " ")) {
			words = append(words, s.word)
		}
		if got := strings.Join(words, " "); got != test.want {
			t.Errorf("%q is completed to %q, want %q", test.typed, got, test.want)
		}
	}
}
