package cli

import (
	"bytes"
	"testing"

	"github.com/alecthomas/kong"
)

func TestCheckVariables(t *testing.T) {
	var commands struct {
		Addr string `env:"PICLOUD_ADDR"`
		Deep struct {
			Memory int `env:"PICLOUD_MAX_MEMORY_MB"`
		} `cmd:""`
	}
	model := kong.Must(&commands).Model
	for _, test := range []struct{ variable, err, warning string }{
		{"PICLOUD_ADDR=x", "", ""},
		{"PICLOUD_MAX_MEMORY_MB=1", "", ""},
		{"PICLOUD_TOKEN=x", "", ""},
		{"PICLOUD_ADR=x", "unknown variable PICLOUD_ADR: did you mean PICLOUD_ADDR?", ""},
		{"PICLOUD_MAX_MEMORY=1", "", "warning: unknown variable PICLOUD_MAX_MEMORY is ignored\n"},
		{"PICLOUD_MAXMEMORY_MB=1", "unknown variable PICLOUD_MAXMEMORY_MB: did you mean PICLOUD_MAX_MEMORY_MB?", ""},
		{"PICLOUD_\x1b=1", "", "warning: unknown variable PICLOUD_� is ignored\n"},
		{"PICLOUD_TEST_DATABASE_URL=x", "", ""},
		{"PICLOUD_REQUIRE_POSTGRES=1", "", ""},
		{"PICLOUD_PORT_80_TCP_PROTO=tcp", "", ""},
		{"PICLOUD_SERVICE_PORT_HTTP=80", "", ""},
		{"PICLOUDS=1", "", ""},
		{"OTHER=1", "", ""},
	} {
		var warnings bytes.Buffer
		err := checkVariables(model, []string{test.variable}, &notices{w: &warnings})
		if said := errorText(err); said != test.err || warnings.String() != test.warning {
			t.Errorf("%s: error %q and %q, want %q and %q", test.variable, said, warnings.String(), test.err, test.warning)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
