package hostcalls

import (
	"context"
	"errors"
	"reflect"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// message is a pointer to a message type of package abi.
type message[T any] interface {
	*T
	msgp.Unmarshaler
}

// nothing is the request of an operation that takes none.
type nothing struct{}

func (*nothing) UnmarshalMsg(b []byte) ([]byte, error) { return msgp.Skip(b) }

// handle makes the handler of op out of a function from its request to its
// response, nil if it answers nothing.
func handle[T any, M message[T]](op abi.Op, perform func(ctx context.Context, scope *Scope, request *T) (msgp.Marshaler, error)) Handler {
	row, _ := abi.Lookup(op)
	known := fieldsOf(row.Name, reflect.TypeFor[T]())
	return func(ctx context.Context, scope *Scope, encoded []byte) ([]byte, error) {
		var request T
		if row.Request != "" || len(encoded) > 0 {
			if err := known.check(encoded); err != nil {
				return nil, err
			}
			if _, err := M(&request).UnmarshalMsg(encoded); err != nil {
				return nil, known.malformed()
			}
		}
		response, err := perform(ctx, scope, &request)
		if err != nil {
			return nil, err
		}
		if response == nil {
			return nil, nil
		}
		return response.MarshalMsg(nil)
	}
}

// told is an error of an operation as a guest may see it: an [*abi.OpError]. Any other is a defect of
// ours, to be logged and shown as internal.
func told(operation string, err error) error {
	var known *abi.OpError
	switch refused := fault.From(err); {
	case errors.As(err, &known):
		return known
	case ended(err):
		return &abi.OpError{Code: abi.OpCodeCancelled, Message: operation + ": the execution has ended"}
	case refused == nil, refused.Code == fault.Internal:
		return err
	case refused.Code == fault.Storage:
		return &abi.OpError{Code: refused.Code.Guest(), Message: operation + ": the storage is not available"}
	default:
		return &abi.OpError{Code: refused.Code.Guest(), Message: operation + ": " + refused.Error()}
	}
}

// ended reports whether an operation failed because its execution has ended.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
