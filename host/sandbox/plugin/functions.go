package plugin

import (
	"context"
	"errors"
	"fmt"

	extism "github.com/extism/go-sdk"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
)

// functions makes the functions of all operations. Each takes a block of Extism's
// memory with the request as JSON, 0 for an empty one, and returns one with
// {"result": response} or {"error": {"code", "message"}}. Plugins have no use for
// yield: they are interrupted without.
func functions() (all []extism.HostFunction) {
	for _, row := range abi.Operations {
		if row.Op == abi.OpYield {
			continue
		}
		all = append(all, extism.NewHostFunctionWithStack(abi.PluginFunction(row.Name),
			func(ctx context.Context, p *extism.CurrentPlugin, stack []uint64) {
				e := gate.Admitted(ctx)
				request, err := readBlock(p, stack[0])
				if err != nil {
					panic(fmt.Errorf("%s: %w", row.Name, err))
				}
				response := abi.PluginCall(row, request, func(request []byte) ([]byte, *abi.OpError) {
					return e.Perform(row.Op, request)
				})
				if stack[0], err = p.WriteBytes(response); err != nil || stack[0] == 0 {
					panic(fmt.Errorf("%s: no memory for the response", row.Name))
				}
			}, []extism.ValueType{extism.ValueTypePTR}, []extism.ValueType{extism.ValueTypePTR}))
	}
	return all
}

// readBlock reads a block of Extism's memory; 0 is none.
func readBlock(p *extism.CurrentPlugin, at uint64) ([]byte, error) {
	if at == 0 {
		return nil, nil
	}
	request, err := p.ReadBytes(at)
	if err == nil && len(request) == 0 {
		err = errors.New("the request is not a block of memory")
	}
	return request, err
}
