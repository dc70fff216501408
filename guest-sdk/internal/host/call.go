package host

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Call performs an operation. The request, nil for none, and the Response have the fields of the
// messages that [abi.Operations] names for it. The error is an [*abi.OpError], also for a request
// that cannot be written as JSON.
func Call[Response any](operation Operation, request any) (Response, error) {
	var answer struct {
		Result Response     `json:"result"`
		Error  *abi.OpError `json:"error"`
	}
	var text []byte
	if request != nil {
		var err error
		if text, err = wire.Marshal(request); err != nil {
			return answer.Result, &abi.OpError{Code: abi.OpCodeInvalid, Message: err.Error()}
		}
	}
	text, err := operation.call(text)
	if err != nil {
		return answer.Result, err
	}
	err = wire.Unmarshal(text, &answer)
	if answer.Error != nil {
		return answer.Result, answer.Error
	}
	return answer.Result, err
}

// None is the Response of an operation that returns nothing.
type None struct{}
