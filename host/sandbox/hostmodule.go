package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// hostCalls is the host's side of one call into the guest: it performs what the
// guest asks and keeps the response until the guest takes it.
type hostCalls struct {
	execution   *execution
	ctx         context.Context // of the execution; [gate.enter] finds these calls in it
	host        HostCaller
	word        *uint32 // the guest's interrupt word
	response    []byte
	interrupted atomic.Int64 // when the guest was interrupted, Unix nanoseconds; 0: it was not
}

type hostCallsKey struct{}

// instantiateHost registers the functions the guest imports, see package abi.
func instantiateHost(ctx context.Context, runtime wazero.Runtime, logger *slog.Logger) error {
	i32 := api.ValueTypeI32
	call := func(ctx context.Context, module api.Module, stack []uint64) {
		c := callsOf(ctx)
		op, at, size := abi.Op(stack[0]), uint32(stack[1]), uint32(stack[2])
		stack[0] = api.EncodeI32(c.call(module.Memory(), op, at, size, logger))
	}
	take := func(ctx context.Context, module api.Module, stack []uint64) {
		c := callsOf(ctx)
		at := uint32(stack[0])
		if !module.Memory().Write(at, c.response) {
			panic(fmt.Errorf("the guest takes %d bytes to %#x, outside its memory", len(c.response), at))
		}
		c.response = nil
	}
	_, err := runtime.NewHostModuleBuilder("picloud").
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(call), []api.ValueType{i32, i32, i32}, []api.ValueType{i32}).Export("call").
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(take), []api.ValueType{i32}, nil).Export("take").
		Instantiate(ctx)
	return err
}

func callsOf(ctx context.Context) *hostCalls {
	c, ok := ctx.Value(hostCallsKey{}).(*hostCalls)
	if !ok {
		panic(errors.New("the guest calls the host outside an execution"))
	}
	return c
}

// call performs an operation. A panic here ends the guest: wazero makes it the
// error of the call into it.
func (c *hostCalls) call(memory api.Memory, op abi.Op, at, size uint32, logger *slog.Logger) int32 {
	if since := c.interrupted.Load(); since != 0 && time.Now().UnixNano()-since > int64(killAfter) {
		panic(errKilled)
	}
	if op == abi.OpYield {
		return 0
	}
	request, ok := memory.Read(at, size)
	if !ok {
		panic(fmt.Errorf("the guest sends %d bytes at %#x, outside its memory", size, at))
	}
	response, err := c.perform(op, request)
	if word := c.execution.interruptWord(); word != abi.InterruptNone {
		atomic.StoreUint32(c.word, word) // the guest must not take it for the operation's failure
	}
	if err == nil && len(response) > math.MaxInt32 {
		err = fmt.Errorf("a response of %d bytes", len(response))
	}
	if err == nil {
		c.response = response
		return int32(len(response))
	}
	c.response = encodeError(c.shown(op, err, logger))
	return -int32(len(c.response))
}

// shown is what the guest learns of an error. What is not meant for it is logged.
func (c *hostCalls) shown(op abi.Op, err error, logger *slog.Logger) *abi.OpError {
	var shown *abi.OpError
	if errors.As(err, &shown) {
		return shown
	}
	if c.execution.interruptWord() != abi.InterruptNone {
		return &abi.OpError{Code: abi.OpCodeInternal, Message: c.execution.interruption().Message}
	}
	row, _ := abi.Lookup(op)
	logger.Error("sandbox: an operation failed", "operation", row.Name, "op", op, "error", err)
	return &abi.OpError{Code: abi.OpCodeInternal, Message: "internal error"}
}

// perform calls the host, of whose panics the guest learns as of any failure.
func (c *hostCalls) perform(op abi.Op, request []byte) (response []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if c.host == nil {
		return nil, &abi.OpError{Code: abi.OpCodeDenied, Message: "not available while a script is loaded"}
	}
	return c.host.Call(c.ctx, op, request)
}
