package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	context.Context // that of the execution
	execution       *gate.Execution
	word            *uint32 // the guest's interrupt word
	response        []byte
	interrupted     atomic.Int64 // when the guest was interrupted, Unix nanoseconds; 0: it was not

	mu   sync.Mutex // for whoever interrupts
	done bool       // there is nobody to interrupt any more
}

type guestCallKey struct{}

// Value is the call, for the functions that it calls, else the execution's.
func (c *guestCall) Value(key any) any {
	if key == (guestCallKey{}) {
		return c
	}
	return c.Context.Value(key)
}

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

// watch has the interrupt word written when the execution ends early, until end is called: after it the word is zero and
// not written any more.
func (c *guestCall) watch() (end func()) {
	stop := c.execution.AfterFunc(c.interrupt)
	return func() {
		if !stop() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.done = true
		}
		if atomic.LoadUint32(c.word) != abi.InterruptNone { // a write would cost a page
			atomic.StoreUint32(c.word, abi.InterruptNone)
		}
	}
}

func (c *guestCall) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		c.interrupted.Store(time.Now().UnixNano())
		atomic.StoreUint32(c.word, c.execution.InterruptWord())
	}
}
