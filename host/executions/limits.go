package executions

import "github.com/picloud/picloud/abi"

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
