package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// TestSandboxed runs every golden case in the sandbox.
func TestSandboxed(t *testing.T) {
	ctx := context.Background()
	e, err := newEngine(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	files, err := filepath.Glob("../../../plugins/rhai/conformance/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cases, err := conformance.Load(file)
			if err != nil || len(cases) == 0 {
				t.Fatalf("%d cases, %v", len(cases), err)
			}
			for _, c := range cases {
				if got := e.outcome(ctx, c.Script, c.Modules); !got.Equal(c.Expect) {
					t.Errorf("%s\n%s\n got %+v\nwant %+v", c.ID, c.Script, got, c.Expect)
				}
			}
		})
	}
}
