package executions

import (
	"errors"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// refusedLimit makes the error of [abi.Limits.Check] a refusal of the field.
func refusedLimit(err error) error {
	var limit *abi.LimitError
	if !errors.As(err, &limit) {
		return err
	}
	return &fault.Error{
		Code: fault.Invalid, Text: limit.Error(), Field: "limits." + limit.Field, Reason: fmt.Sprintf("must be between 1 and %d", limit.Ceiling),
		Value: limit.Value, Limit: limit.Ceiling,
	}
}

// clamp lowers limits to a ceiling: the operator may have lowered it after the
// script was stored.
func clamp(l, ceiling abi.Limits) abi.Limits {
	return abi.Limits{
		MaxOperations: min(l.MaxOperations, ceiling.MaxOperations),
		MaxCallLevels: min(l.MaxCallLevels, ceiling.MaxCallLevels),
		MaxStringSize: min(l.MaxStringSize, ceiling.MaxStringSize),
		MaxArraySize:  min(l.MaxArraySize, ceiling.MaxArraySize),
		MaxBlobSize:   min(l.MaxBlobSize, ceiling.MaxBlobSize),
		MaxMapSize:    min(l.MaxMapSize, ceiling.MaxMapSize),
		MaxModules:    min(l.MaxModules, ceiling.MaxModules),
		MemoryMB:      min(l.MemoryMB, ceiling.MemoryMB),
		TimeoutMS:     min(l.TimeoutMS, ceiling.TimeoutMS),
	}
}
