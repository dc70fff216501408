package turns

import (
	"context"

	"github.com/picloud/picloud/host/background/ending"
)

// A Holder has a turn that it need not keep while it waits for something else.
type Holder interface {
	GiveBack() // the turn, if it has it; it asks for another one when it goes on
}

type holderKey struct{}

// WithHolder returns a context for what a holder does in its turn.
func WithHolder(ctx context.Context, h Holder) context.Context {
	return ending.WithValue(ctx, holderKey{}, h)
}

// HolderOf returns the holder that a context is of; nil: it is of none.
func HolderOf(ctx context.Context) Holder {
	h, _ := ctx.Value(holderKey{}).(Holder)
	return h
}

// Wait has the holder that a context is of give its turn back, before something that is sure to wait.
func Wait(ctx context.Context) {
	if h := HolderOf(ctx); h != nil {
		h.GiveBack()
	}
}
