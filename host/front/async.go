package front

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/signing"
	"github.com/picloud/picloud/host/store"
)

// The headers by which a client may send a request again, not knowing whether it came
// (draft-ietf-httpapi-idempotency-key-header).
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
)

// maxIdempotencyKey is how long a key may be, in bytes.
const maxIdempotencyKey = 255

// accept keeps a request of an asynchronous route, and answers 202 once it is durable.
func (s *Server) accept(c *fiber.Ctx, route store.Route, request *abi.Request) error {
	var key *store.IdempotencyKey
	text := c.Get(headerIdempotencyKey)
	if route.Signature != nil && route.Signature.Scheme == signing.StandardWebhooks {
		text = c.Get(signing.HeaderWebhookID) // which is signed, as the other is not, and the same when a message is sent again
	}
	if text != "" {
		if err := store.CheckName(headerIdempotencyKey, text, maxIdempotencyKey); err != nil {
			return s.refused(c, err)
		}
		key = &store.IdempotencyKey{AppID: route.AppID, Scope: "route/" + route.ID, Key: text, Digest: digest(request)}
	}
	accepted, replayed, err := s.events.Accept(c.UserContext(), route, request, RequestID(c), authz.AppExecution, key)
	if fault.Of(err) == fault.Conflict {
		return s.refuse(c, http.StatusConflict, fault.Conflict, "the "+headerIdempotencyKey+" was sent with another request within 24 hours")
	}
	if err != nil {
		return s.refused(c, err)
	}
	if replayed {
		c.Set(headerReplayed, "true")
	}
	c.Set(headerExecutionID, accepted.ExecutionID)
	return c.Status(http.StatusAccepted).JSON(accepted)
}

// digest tells requests apart that come with the same key: by their method, their address and their body.
func digest(r *abi.Request) string {
	hash := sha256.New()
	body := r.Body
	if r.Sent != nil {
		body = r.Sent
	}
	for _, part := range [][]byte{[]byte(r.Method), []byte(r.Path), []byte(r.RawQuery), body} {
		sum := sha256.Sum256(part) // so that what belongs to which part is told
		hash.Write(sum[:])
	}
	return hex.EncodeToString(hash.Sum(nil))
}
