package front

import (
	"context"
	"net/netip"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/front/http1"
)

// request is what is known of a request while it is handled.
type request struct {
	id   string
	edge *edge.Request
	body *Body // nil: it has none

	appID string // whose route or script answers it; "": none does
}

type requestKey struct{}

// of returns the request that c is about.
func of(c *fiber.Ctx) *request { return c.Locals(requestKey{}).(*request) }

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// RequestID returns the id the client sent as X-Request-Id, if it is 1 to 128 letters, digits and _
// - . : characters, else a new one. It is the same whenever asked for during a request.
func RequestID(c *fiber.Ctx) string { return of(c).id }

// RequestIDOf is [RequestID] for what is handed a request's context; "" for another context.
func RequestIDOf(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.id
	}
	return ""
}

// TargetOf returns the target of the request whose context ctx is, as it was sent: nothing of it is decoded; ""
// for another context.
func TargetOf(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return string(r.edge.Target)
	}
	return ""
}

// ClientOf returns the address of who sent the request whose context ctx is: the one that a trusted
// proxy gives, else the peer's. It is invalid for another context.
func ClientOf(ctx context.Context) netip.Addr {
	if r := requestOf(ctx); r != nil {
		return r.edge.Client
	}
	return netip.Addr{}
}

// NetworkOf returns what attempts of a client are counted by: its address, or if that is an IPv6 one
// the network whose addresses are all its owner's.
func NetworkOf(ctx context.Context) netip.Addr { return edge.ShareOf(ClientOf(ctx)) }

// HostOf returns the host that the request whose context ctx is was sent to, with its port as it was sent; "" for
// another context.
func HostOf(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return string(r.edge.Host)
	}
	return ""
}

// OriginOf returns how the client has called the server, as in https://example.org:8443; "" for another
// context than a request's.
func OriginOf(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return scheme(r) + "://" + valid(r.edge.Host)
	}
	return ""
}

// WhileThere returns the context of a request, ended also when the client closes its connection. It must be
// stopped before the handler returns. Another context than a request's is only ended by that.
func WhileThere(ctx context.Context) (there context.Context, stop func()) {
	there, cancel := context.WithCancel(ctx)
	r := requestOf(ctx)
	if r == nil {
		return there, cancel
	}
	unwatch := watchDisconnect(r.edge.Connection(), cancel)
	return there, func() { unwatch(); cancel() }
}

const maxRequestID = 128

// requestID returns the id of a request with a head.
func requestID(head *http1.Head) string {
	if sent := head.Get("x-request-id"); usableRequestID(sent) {
		return string(sent)
	}
	return uuid.NewString()
}

func usableRequestID(id []byte) bool {
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxRequestID
}
