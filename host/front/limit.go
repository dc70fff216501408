package front

import (
	"strings"

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
	var told quota.Told
	defer tell(c, &told)
	if route != nil && route.RateLimit != nil {
		rate := quota.RateOf(*route.RateLimit)
		state := s.limiter.Take(s.clientOf(c, route), rate)
		if told.Add("route", rate, state); !state.Allowed {
			s.metrics.limited.WithLabelValues("route").Inc()
			return quota.Limited("to this route", rate, state.Retry)
		}
	}
	if rate := s.quotas.Of(appID).Rate(); rate.Requests > 0 {
		state := s.limiter.Take(quota.KeyOf(appID), rate)
		if told.Add("app", rate, state); !state.Allowed {
			s.metrics.limited.WithLabelValues("app").Inc()
			return quota.Limited("to this app", rate, state.Retry)
		}
	}
	return nil
}

// clientOf is whose requests a request to a route is counted with.
func (s *Server) clientOf(c *fiber.Ctx, route *store.Route) quota.Key {
	key := quota.KeyOf(route.AppID).Route(route.ID)
	switch header, byHeader := strings.CutPrefix(route.RateLimit.By, quota.ByHeader); {
	case byHeader:
		return key.Value(c.Get(header))
	case route.RateLimit.By == quota.ByAddress:
		return key.Address(of(c).edge.Client)
	}
	return key
}

// tell sets the headers.
func tell(c *fiber.Ctx, told *quota.Told) {
	if told.Policy != nil {
		c.Response().Header.SetBytesV(headerRateLimitPolicy, told.Policy)
		c.Response().Header.SetBytesV(headerRateLimit, told.State)
	}
}
