package front

import (
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/signing"
	"github.com/picloud/picloud/host/store"
)

// isSigned reports whether a request has the signature that its route demands, over the body as it was
// sent. One without it is answered: whoever sends it learns no more than that. The log has why.
func (s *Server) isSigned(c *fiber.Ctx, route store.Route, request *abi.Request) (bool, error) {
	demanded := route.Signature
	if demanded == nil {
		return true, nil
	}
	r := of(c)
	keys, err := s.secrets.Get(c.UserContext(), route.AppID, demanded.Secret)
	if err == nil {
		body := request.Body
		if request.Sent != nil {
			body = request.Sent
		}
		header := func(name string) string { return string(r.edge.Get(name)) }
		err = signing.VerifyRequest(demanded.Scheme, keys, header, body, time.Now(), time.Duration(demanded.Tolerance)*time.Second)
	}
	if err == nil {
		return true, nil
	}
	switch fault.Of(err) {
	case fault.Unauthorized:
		s.log.Debug("a request is not signed as its route demands", "request_id", r.id, "route_id", route.ID, "app_id", route.AppID, "reason", err)
		c.Set(fiber.HeaderWWWAuthenticate, "Signature") // RFC 9110, section 11.6.1
		return false, s.refuse(c, http.StatusUnauthorized, fault.Unauthorized, "the request is not signed as this route demands")
	case fault.Storage:
		return false, s.refused(c, err)
	}
	if s.unchecked.tell(route.ID) {
		s.log.Error("a route cannot check the signature that it demands", "route_id", route.ID, "app_id", route.AppID, "secret", demanded.Secret, "reason", err)
	}
	return false, s.refuse(c, http.StatusServiceUnavailable, fault.Unavailable, "this route cannot check signatures: its secret is missing, or no key of the scheme")
}

// tellEvery is how often the log tells of the same thing that any client can bring about.
const tellEvery = time.Minute

// told remembers of what the log has told.
type told struct {
	mu sync.Mutex
	at *lru.Cache[string, time.Time]
}

func newTold() *told {
	at, err := lru.New[string, time.Time](1000)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &told{at: at}
}

// tell reports whether the log is to tell of a thing.
func (t *told) tell(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.at.Get(id); ok && time.Since(at) < tellEvery {
		return false
	}
	t.at.Add(id, time.Now())
	return true
}
