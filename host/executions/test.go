package executions

import (
	"context"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// A TestScript is a script of tests, which is not stored, with the modules of its app that it imports.
type TestScript struct{ script *script }

// LoadTest compiles a script of tests. The id and the time of row's last change name it. The error is an
// [*abi.ScriptError], or the store's.
func (s *Service) LoadTest(ctx context.Context, row store.Script) (*TestScript, error) {
	loaded := &script{row: row}
	candidate := loaded.forSandbox(s.Limits(row.Limits), 0)
	candidate.Testing = true
	candidate.Resolve = func(ctx context.Context, imports []string) (modules []abi.Module, err error) {
		loaded.modules, err = s.scripts.modules(ctx, row.AppID, imports, nil)
		return loaded.modules, err
	}
	if _, err := s.sandbox.Validate(ctx, candidate); err != nil {
		return nil, err
	}
	return &TestScript{loaded}, nil
}

// RunTest runs a script of tests as [Service.Run] does others. The invocation has its Test.
func (s *Service) RunTest(ctx context.Context, test *TestScript, in Invocation) (*Outcome, error) {
	return s.run(ctx, test.script, in)
}
