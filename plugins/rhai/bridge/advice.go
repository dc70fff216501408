package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// adviceOf returns the advice that an error is, nil if it is none: a map that was thrown with
//
//	retry_after_ms   when the event is to be delivered again, an integer of at least 0
//	dead_letter      true: not again
//	message          a string, which the error then reads instead of the map
func adviceOf(cause *vm.Error) *abi.Advice {
	if cause.Variant != vm.ErrorRuntime || cause.Value.Kind() != vm.KindMap {
		return nil
	}
	thrown := cause.Value.AsMap()
	retryAfter, deadLetter := int64(-1), false
	if v := thrown.At(abi.AdviceRetryAfter); v != nil && v.Kind() == vm.KindInt {
		retryAfter = v.AsInt()
	}
	if v := thrown.At(abi.AdviceDeadLetter); v != nil && v.Kind() == vm.KindBool {
		deadLetter = v.AsBool()
	}
	advice := abi.NewAdvice(retryAfter, deadLetter)
	if v := thrown.At(abi.AdviceMessage); advice != nil && v != nil && v.Kind() == vm.KindString {
		cause.Text = vm.RuntimeError(*v).Message()
	}
	return advice
}
