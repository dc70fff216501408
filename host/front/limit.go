package front

import (
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/store"
)

// The headers that tell how many requests there may be (draft-ietf-httpapi-ratelimit-headers).
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// limited counts a request for its route, unless it comes by none, and for the app, and tells in the
// response how many more there may be. The error refuses one too many, [fault.RateLimited].
func (s *Server) limited(c *fiber.Ctx, appID string, route *store.Route) error {
	var told limits
	if route != nil && route.RateLimit != nil {
		rate := quota.RateOf(*route.RateLimit)
		state := s.limiter.Take(s.clientOf(c, route), rate)
		if told.add("route", rate, state); !state.Allowed {
			told.set(c)
			s.metrics.limited.WithLabelValues("route").Inc()
			return quota.Limited("to this route", rate, state.Retry)
		}
	}
	if rate := s.quotas.Of(appID).Rate(); rate.Requests > 0 {
		state := s.limiter.Take(quota.KeyOf(appID), rate)
		if told.add("app", rate, state); !state.Allowed {
			told.set(c)
			s.metrics.limited.WithLabelValues("app").Inc()
			return quota.Limited("to this app", rate, state.Retry)
		}
	}
	told.set(c)
	return nil
}

// clientOf is whose requests a request to a route is counted with.
func (s *Server) clientOf(c *fiber.Ctx, route *store.Route) quota.Key {
	key := quota.KeyOf(route.ID)
	switch header, byHeader := strings.CutPrefix(route.RateLimit.By, quota.ByHeader); {
	case byHeader:
		return key.Value(c.Get(header))
	case route.RateLimit.By == quota.ByAddress:
		return key.Address(of(c).edge.Client)
	}
	return key
}

// limits are the values of the headers.
type limits struct{ policies, states []string }

// add tells of a policy: its burst is the quota q of the window w in which that comes, r are left, and in t
// seconds all of it is there.
func (l *limits) add(name string, rate quota.Rate, state quota.State) {
	l.policies = append(l.policies, fmt.Sprintf("%q;q=%d;w=%d", name, rate.Burst, seconds(rate.Window())))
	l.states = append(l.states, fmt.Sprintf("%q;r=%d;t=%d", name, state.Remaining, seconds(state.Reset)))
}

func (l *limits) set(c *fiber.Ctx) {
	if len(l.policies) > 0 {
		c.Set(headerRateLimitPolicy, strings.Join(l.policies, ", "))
		c.Set(headerRateLimit, strings.Join(l.states, ", "))
	}
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
