package authz

import (
	"context"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// Place is where a request comes from, for people to recognise their sessions by. Empty parts are not
// known.
type Place struct {
	Address   string // the client's
	UserAgent string // no more than 256 bytes of it are kept
}

// maxUserAgent bounds what is kept of a User-Agent header, in bytes.
const maxUserAgent = 256

type placeKey struct{}

// WithPlace makes a context in which [Authority.Authenticate] notes where a session is used.
func WithPlace(ctx context.Context, at Place) context.Context {
	return context.WithValue(ctx, placeKey{}, at)
}

func placeOf(ctx context.Context) Place {
	at, _ := ctx.Value(placeKey{}).(Place)
	return at.bounded()
}

func (at Place) bounded() Place {
	if len(at.UserAgent) > maxUserAgent {
		at.UserAgent = strings.ToValidUTF8(at.UserAgent[:maxUserAgent], "")
	}
	return at
}

// used notes now and then that a session is used, which makes it last longer.
func (a *Authority) used(ctx context.Context, session store.Session, now time.Time) error {
	if now.Sub(session.LastUsedAt) <= min(touchEvery, a.sessionIdle/4) {
		return nil
	}
	at := placeOf(ctx)
	return a.store.Sessions().Touch(ctx, session.TokenHash, store.SessionUse{
		At: now, ExpiresAt: now.Add(a.sessionIdle), Address: at.Address, UserAgent: at.UserAgent,
	})
}
