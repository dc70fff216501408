package plugin

import (
	"encoding/json"

	"github.com/picloud/picloud/abi"
)

// adviceOf reads the error that handle failed with. One that is a JSON object is what a script would
// throw to give advice: then the message is that of the object, if it has one. Any other stays as it is.
func adviceOf(failure string) (message string, advice *abi.Advice) {
	var thrown struct { // by the names of package abi
		RetryAfterMS *int64  `json:"retry_after_ms"`
		DeadLetter   bool    `json:"dead_letter"`
		Message      *string `json:"message"`
	}
	if json.Unmarshal([]byte(failure), &thrown) != nil {
		return failure, nil
	}
	retryAfter := int64(-1)
	if thrown.RetryAfterMS != nil {
		retryAfter = *thrown.RetryAfterMS
	}
	advice = abi.NewAdvice(retryAfter, thrown.DeadLetter)
	if advice != nil && thrown.Message != nil {
		return *thrown.Message, advice
	}
	return failure, advice
}
