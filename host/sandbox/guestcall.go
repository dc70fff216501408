package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
)

// A guestCall is one call into the interpreter. While it lasts, the functions that the guest
// imports find it in their context: it performs the operations that the guest asks for and keeps
// each response until the guest takes it.
type guestCall struct {
	execution   *gate.Execution
	word        *uint32 // the guest's interrupt word
	response    []byte
	interrupted atomic.Int64 // when the guest was interrupted, Unix nanoseconds; 0: it was not
}

type guestCallKey struct{}

// guestCallOf returns the call that a context is of. A panic ends the guest: wazero makes it the
// error of the call.
func guestCallOf(ctx context.Context) *guestCall {
	c, ok := ctx.Value(guestCallKey{}).(*guestCall)
	if !ok {
		panic(errors.New("the guest calls its host outside an execution"))
	}
	return c
}

// instantiateImports registers the functions that the guest imports, see package abi.
func instantiateImports(ctx context.Context, runtime wazero.Runtime) error {
	i32 := api.ValueTypeI32
	call := func(ctx context.Context, module api.Module, stack []uint64) {
		op, at, size := abi.Op(stack[0]), uint32(stack[1]), uint32(stack[2])
		stack[0] = api.EncodeI32(guestCallOf(ctx).perform(module.Memory(), op, at, size))
	}
	take := func(ctx context.Context, module api.Module, stack []uint64) {
		c := guestCallOf(ctx)
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

// perform performs an operation whose request is in the guest's memory. It returns the size of
// the response, below 0 of an error.
func (c *guestCall) perform(memory api.Memory, op abi.Op, at, size uint32) int32 {
	if since := c.interrupted.Load(); since != 0 && time.Now().UnixNano()-since > int64(killAfter) {
		panic(errKilled)
	}
	if op == abi.OpYield {
		c.execution.Yield()
		return 0
	}
	request, ok := memory.Read(at, size)
	if !ok {
		panic(fmt.Errorf("the guest sends %d bytes at %#x, outside its memory", size, at))
	}
	response, failed := c.execution.Perform(op, request)
	if word := c.execution.InterruptWord(); word != abi.InterruptNone {
		atomic.StoreUint32(c.word, word) // the guest must not take it for the operation's failure
	}
	if failed == nil {
		c.response = response
		return int32(len(response))
	}
	c.response, _ = failed.MarshalMsg(nil) // two strings: does not fail
	return -int32(len(c.response))
}
