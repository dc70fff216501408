package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Words of the API are taken as the commands have them, and the other way round.
func TestSpelled(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"dead_letter", "dead-letter"}, {"dead-letter", "dead-letter"}, {"kv", "kv"}, {"deadletter", "deadletter"}, {"", ""},
	} {
		assert.Equal(t, test.want, spelled(test.word, []string{"kv", "dead-letter", ""}))
	}
	for _, line := range [][]string{
		{"members", "set", "ada", "app-admin"},
		{"triggers", "create", "dead_letter", "--script", "s"},
		{"dead-letters", "resolve", "id", "--as", "handled_by_script"},
		{"events", "list", "--source", "dead_letter"},
		{"triggers", "create", "kv", "--script", "s", "--operations", "create,update"},
	} {
		_, err := newParser(t).Parse(shieldNumbers(line))
		assert.NoError(t, err, "%q", line)
	}
	parser := newParser(t)
	command, err := parser.Parse([]string{"members", "set", "ada", "app-admin"})
	assert.NoError(t, err)
	assert.Equal(t, "app_admin", command.Selected().Positional[1].Target.String())
}

// A limit below none is no limit.
func TestLimitBelowNone(t *testing.T) {
	read := 0
	for _, err := range first(-1, func(yield func(int, error) bool) { read++; yield(1, nil) }) {
		assert.EqualError(t, err, "--limit must be at least 0, got -1")
	}
	assert.Zero(t, read)
}
