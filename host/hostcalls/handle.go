package hostcalls

import (
	"context"
	"errors"
	"reflect"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
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
// response, nil if it answers nothing. Errors of the store become those of
// operations.
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
			return nil, asOpError(row.Name, err)
		}
		if response == nil {
			return nil, nil
		}
		return response.MarshalMsg(nil)
	}
}

// asOpError is an error of a service as a guest may see it. What is our fault
// stays as it is, to be logged and shown as internal.
func asOpError(name string, err error) error {
	var (
		operation *abi.OpError
		invalid   *store.InvalidError
		version   *store.VersionError
		failure   *store.Error
	)
	code := abi.OpCode("")
	switch {
	case errors.As(err, &operation):
		return operation
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &abi.OpError{Code: abi.OpCodeCancelled, Message: name + ": the execution has ended"}
	case errors.As(err, &invalid), errors.Is(err, store.ErrInvalidCursor):
		code = abi.OpCodeInvalid
	case errors.As(err, &version):
		code = abi.OpCodeConflict
	case errors.Is(err, store.ErrNotFound):
		code = abi.OpCodeNotFound
	case errors.As(err, &failure):
		return &storageError{
			shown: &abi.OpError{Code: abi.OpCodeUnavailable, Message: name + ": the storage is not available"},
			cause: failure,
		}
	default:
		return err
	}
	return &abi.OpError{Code: code, Message: name + ": " + err.Error()}
}

// storageError is a failure of the storage: an [*abi.OpError] for the guest and
// a [*store.Error] for the log.
type storageError struct {
	shown *abi.OpError
	cause *store.Error
}

func (e *storageError) Error() string   { return e.shown.Message }
func (e *storageError) Unwrap() []error { return []error{e.shown, e.cause} }
