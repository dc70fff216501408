package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/picloud/picloud/abi"
)

// describeLimits writes the limits that are set as "timeout_ms=2000 ...", or
// "defaults".
func describeLimits(limits abi.Limits) string {
	encoded, err := json.Marshal(limits)
	if err != nil || string(encoded) == "{}" {
		return "defaults"
	}
	return strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(encoded))
}

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
