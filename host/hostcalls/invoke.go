package hostcalls

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// An Invoker runs another script of an execution's app by its name and returns
// the script's value. The context is the one that the operation came with: what
// is invoked ends with its caller. The error is [fault.NotFound] or [fault.Invalid]
// when there is no such script, an [*abi.ScriptError] when it failed, or the store's.
type Invoker func(ctx context.Context, name string, args msgp.Raw) (value msgp.Raw, err error)

// invoke performs [abi.OpInvoke]. Its errors name what was invoked.
func invoke(ctx context.Context, scope *Scope, request *abi.InvokeRequest) (msgp.Marshaler, error) {
	refuse := func(code abi.OpCode, reason string) (msgp.Marshaler, error) {
		return nil, &abi.OpError{Code: code, Message: "invoke " + quoted([]byte(request.Name)) + ": " + reason}
	}
	switch {
	case scope.Invoke == nil:
		return refuse(abi.OpCodeUnavailable, "this execution cannot invoke others")
	case scope.Depth >= abi.MaxInvokeDepth:
		return refuse(abi.OpCodeLimit, fmt.Sprintf("invocations may be nested %d deep, and this would be number %d", abi.MaxInvokeDepth, scope.Depth+1))
	}
	value, err := scope.Invoke(ctx, request.Name, request.Args)
	var failed *abi.ScriptError
	switch {
	case err == nil:
		return &abi.InvokeResponse{Value: value}, nil
	case errors.As(err, &failed):
		return refuse(fault.OfScript(failed.Code).Guest(), failed.Message)
	case fault.Unknown(err):
		return nil, unknownScript("invoke", request.Name)
	}
	return nil, err
}

// unknownScript refuses to invoke what there is not.
func unknownScript(operation, name string) error {
	return &abi.OpError{Code: abi.OpCodeNotFound, Message: operation + " " + quoted([]byte(name)) + ": the app has no endpoint or plugin of this name"}
}
