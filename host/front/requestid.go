package front

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

const maxRequestID = 128

// RequestID returns the id the client sent as X-Request-Id, if it is 1 to 128 letters, digits and _
// - . : characters, else a new one. It is the same whenever asked for during a request.
func RequestID(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestIDKey{}).(string); ok {
		return id
	}
	id := c.Get(fiber.HeaderXRequestID)
	if !usableRequestID(id) {
		id = uuid.NewString()
	}
	c.Locals(requestIDKey{}, id)
	return id
}

// RequestIDOf is [RequestID] for what is handed a request's context; "" before anybody has asked
// for the id.
func RequestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

type requestIDKey struct{}

func usableRequestID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID
}
