package config

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each setting has the variable of its name and bounds that can be read; a number has bounds; each
// is logged.
func TestEverySetting(t *testing.T) {
	c, err := parse(t)
	require.NoError(t, err)
	settings := c.settings()
	logged := c.LogValue().Group()
	require.Len(t, logged, len(settings))
	for i, s := range settings {
		assert.Equal(t, []string{"PICLOUD_" + strings.ToUpper(s.key())}, s.Tag.Envs)
		assert.Equal(t, s.key(), logged[i].Key)
		low, high, bounded := s.bounds()
		assert.True(t, !bounded || low < high, "bounds of %s", s.key())
		if kind := s.Target.Kind().String(); slices.Contains([]string{"int", "int64"}, kind) {
			assert.True(t, bounded, "%s is %s and has no bounds", s.key(), kind)
		}
		assert.NoError(t, s.check(), "the default of %s", s.key())
	}
}

func TestHelpShowsBounds(t *testing.T) {
	var cli struct{ Config }
	var out bytes.Buffer
	parser, err := kong.New(&cli, append(KongOptions(), kong.Writers(&out, &out), kong.Exit(func(int) {}))...)
	require.NoError(t, err)
	_, _ = parser.Parse([]string{"--help"})
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"Executions at once; more are refused with 503. An app has half of them at most, and a quarter is kept for apps that run nothing (1 to 10000) ($PICLOUD_MAX_CONCURRENT_EXECUTIONS).",
		"How long a login lasts at most (1m0s to 87600h0m0s) ($PICLOUD_SESSION_TTL).",
		"when not set one is generated, and printed by each start until it was used (8 to 1024 bytes) ($PICLOUD_ADMIN_PASSWORD).",
	} {
		assert.Contains(t, text, want)
	}
}
