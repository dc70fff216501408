package abi

import "fmt"

//go:generate go run github.com/tinylib/msgp -io=false -tests=false

// Limits bound one execution. A zero field means "not set": [Limits.Or] fills
// it from another set.
type Limits struct {
	MaxOperations int64 `msg:"max_operations" json:"max_operations,omitempty"`   // see package vm
	MaxCallLevels int64 `msg:"max_call_levels" json:"max_call_levels,omitempty"` // nested function calls
	MaxStringSize int64 `msg:"max_string_size" json:"max_string_size,omitempty"` // bytes of one string
	MaxArraySize  int64 `msg:"max_array_size" json:"max_array_size,omitempty"`   // items of one array
	MaxBlobSize   int64 `msg:"max_blob_size" json:"max_blob_size,omitempty"`     // bytes of one blob
	MaxMapSize    int64 `msg:"max_map_size" json:"max_map_size,omitempty"`       // properties of one map
	MaxModules    int64 `msg:"max_modules" json:"max_modules,omitempty"`         // modules imported, in all
	MemoryMB      int64 `msg:"memory_mb" json:"memory_mb,omitempty"`             // MiB of guest memory
	TimeoutMS     int64 `msg:"timeout_ms" json:"timeout_ms,omitempty"`           // wall-clock milliseconds
}

// DefaultLimits apply to a script that sets none.
var DefaultLimits = Limits{
	MaxOperations: 1_000_000,
	MaxCallLevels: 64,
	MaxStringSize: 1 << 20,
	MaxArraySize:  100_000,
	MaxBlobSize:   10 << 20,
	MaxMapSize:    100_000,
	MaxModules:    32,
	MemoryMB:      64,
	TimeoutMS:     10_000,
}

// DefaultCeiling is the most a script may ask for unless the operator
// configures another ceiling.
var DefaultCeiling = Limits{
	MaxOperations: 100_000_000,
	MaxCallLevels: 256,
	MaxStringSize: 16 << 20,
	MaxArraySize:  10_000_000,
	MaxBlobSize:   64 << 20,
	MaxMapSize:    1_000_000,
	MaxModules:    256,
	MemoryMB:      512,
	TimeoutMS:     300_000,
}

// MaxNesting is how deep values may be nested that cross the boundary between a script and its host.
const MaxNesting = 64

type limitField struct {
	name  string
	value *int64
}

func (l *Limits) fields() []limitField {
	return []limitField{
		{"max_operations", &l.MaxOperations},
		{"max_call_levels", &l.MaxCallLevels},
		{"max_string_size", &l.MaxStringSize},
		{"max_array_size", &l.MaxArraySize},
		{"max_blob_size", &l.MaxBlobSize},
		{"max_map_size", &l.MaxMapSize},
		{"max_modules", &l.MaxModules},
		{"memory_mb", &l.MemoryMB},
		{"timeout_ms", &l.TimeoutMS},
	}
}

// Or returns l with each unset field taken from defaults.
func (l Limits) Or(defaults Limits) Limits {
	from := defaults.fields()
	for i, f := range l.fields() {
		if *f.value == 0 {
			*f.value = *from[i].value
		}
	}
	return l
}

// A LimitError names a limit outside its range.
type LimitError struct {
	Field   string // as in JSON: "max_operations"
	Value   int64
	Ceiling int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s must be between 1 and %d, got %d", e.Field, e.Ceiling, e.Value)
}

// Check returns a [*LimitError] for the first field that is set and is
// negative or above the ceiling.
func (l Limits) Check(ceiling Limits) error {
	top := ceiling.fields()
	for i, f := range l.fields() {
		if *f.value < 0 || *f.value > *top[i].value {
			return &LimitError{Field: f.name, Value: *f.value, Ceiling: *top[i].value}
		}
	}
	return nil
}
