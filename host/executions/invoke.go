package executions

import (
	"context"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/hostcalls"
)

// invoker lets the execution of scope invoke other scripts of its app. Each is an
// execution of its own: a sandbox, limits, a record and a log. From its caller it has
// the request's id, what it may do at most, whether it is traced, and by the context the time that is left.
func (s *Service) invoker(scope *hostcalls.Scope, caller Invocation) hostcalls.Invoker {
	return func(ctx context.Context, name string, args msgp.Raw) (msgp.Raw, error) {
		script, err := s.named(ctx, scope.AppID, name)
		if err != nil {
			return nil, err
		}
		out, err := s.run(ctx, script, Invocation{
			ScriptID: script.row.ID, Type: abi.InvocationInvoke, RequestID: caller.RequestID, Trace: caller.Trace,
			Capabilities: scope.Capabilities, Args: args, Cause: events.CauseOf(ctx), depth: scope.Depth + 1, parent: scope.ExecutionID,
		})
		if err != nil {
			return nil, err
		}
		if out.Error != nil {
			return nil, out.Error
		}
		return out.Value, nil
	}
}

// named finds the endpoint or plugin of an app that has a name.
func (s *Service) named(ctx context.Context, appID, name string) (*script, error) {
	row, err := s.scripts.store.Scripts().GetByName(ctx, appID, name)
	if err != nil {
		return nil, err
	}
	found, err := s.scripts.get(ctx, row.ID)
	if err == nil && (found.row.Kind == abi.KindModule || found.row.Kind == abi.KindStatic) {
		err = fault.New(fault.NotFound, "a module is imported, not invoked")
	}
	return found, err
}
