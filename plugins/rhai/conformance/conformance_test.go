package conformance

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNative runs every case in this process.
func TestNative(t *testing.T) {
	files, err := filepath.Glob("*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		cases, err := Load(file)
		if err != nil || len(cases) == 0 {
			t.Fatalf("%s: %d cases, %v", file, len(cases), err)
		}
		t.Run(strings.TrimSuffix(file, ".jsonl"), func(t *testing.T) {
			failed := 0
			for _, c := range cases {
				got := Native(c.Script, c.Modules)
				if got.Equal(c.Expect) {
					continue
				}
				failed++
				t.Errorf("%s\n%s\n got %+v\nwant %+v", c.ID, c.Script, got, c.Expect)
			}
			t.Logf("%d of %d cases pass", len(cases)-failed, len(cases))
		})
	}
}
