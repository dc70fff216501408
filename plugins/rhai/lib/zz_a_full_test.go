package lib_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

func TestAFull(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("AFULL")) {
		in, _ := os.Open(name + ".in")
		out, _ := os.Open(name + ".out")
		a, b := bufio.NewScanner(in), bufio.NewScanner(out)
		a.Buffer(nil, 1<<20)
		b.Buffer(nil, 1<<20)
		n, bad := 0, 0
		for a.Scan() && b.Scan() {
			var job struct{ Script string }
			var want conformance.Outcome
			json.Unmarshal(a.Bytes(), &job)
			json.Unmarshal(b.Bytes(), &want)
			n++
			got := conformance.Native(job.Script)
			if strings.Contains(job.Script, "timestamp() -= t") || want.Kind == "panic" {
				continue
			}
			if !got.Equal(want) {
				bad++
				if bad < 80 {
					t.Logf("%s\n  want %+v\n  got  %+v", strings.TrimPrefix(job.Script, "fn u(n) { for x in blob(1, n) { return x; } }\n"), want, got)
				}
			}
		}
		t.Logf("%s: %d jobs, %d differ", name, n, bad)
	}
}
