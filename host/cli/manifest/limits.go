package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/picloud/picloud/abi"
)

// limitsFrom makes limits of names and values as a manifest gives them.
func limitsFrom(values map[string]int64) (abi.Limits, error) {
	var limits abi.Limits
	encoded, err := json.Marshal(values)
	if err != nil {
		return limits, err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&limits); err != nil {
		return limits, fmt.Errorf("limits: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	for name, value := range values {
		if value < 1 { // zero would read as not set
			return limits, fmt.Errorf("limits.%s must be at least 1, got %d", name, value)
		}
	}
	return limits, nil
}
