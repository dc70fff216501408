package api

import (
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

const maxRequestID = 128

// requestID is the id the client sent as X-Request-Id, if it is 1 to 128
// letters, digits and _ - . : characters, else a new one. It is the same
// whenever asked for during a request.
func requestID(c *fiber.Ctx) string {
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
