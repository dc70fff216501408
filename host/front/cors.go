package front

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// preflight answers a browser that asks whether a page may send a request (Fetch Standard, section
// 4.8), if there is a route for that with a policy. Scripts see nothing of it.
func (s *Server) preflight(c *fiber.Ctx, by, host, path string) (answered bool) {
	if by != http.MethodOptions {
		return false
	}
	method := c.Get(fiber.HeaderAccessControlRequestMethod)
	origin := c.Get(fiber.HeaderOrigin)
	if method == "" || origin == "" {
		return false
	}
	found, err := s.routes.Resolve(method, host, path)
	if err != nil || !found.Found {
		return false
	}
	policy := found.Route.Policy()
	if policy == nil {
		return false
	}
	answerPreflight(c, policy, origin, method, func() []string { return s.routes.Allow(host, found.Path) })
	return true
}

// answerPreflight answers by a policy whether a page of an origin may send a request with a method. A
// policy without methods allows those that there are.
func answerPreflight(c *fiber.Ctx, policy *store.CORS, origin, method string, there func() []string) {
	c.Status(http.StatusNoContent)
	c.Append(fiber.HeaderVary, fiber.HeaderOrigin, fiber.HeaderAccessControlRequestMethod, fiber.HeaderAccessControlRequestHeaders)
	asked := c.Get(fiber.HeaderAccessControlRequestHeaders)
	if !routing.Allows(policy, origin) || len(policy.Methods) > 0 && !slices.Contains(policy.Methods, method) {
		return
	}
	allowOrigin(c, policy, origin)
	methods := policy.Methods
	if len(methods) == 0 {
		if methods = there(); !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, strings.Join(methods, ", "))
	switch {
	case len(policy.Headers) > 0:
		c.Set(fiber.HeaderAccessControlAllowHeaders, strings.Join(policy.Headers, ", "))
	case asked != "":
		c.Set(fiber.HeaderAccessControlAllowHeaders, asked)
	}
	if policy.MaxAge > 0 {
		c.Set(fiber.HeaderAccessControlMaxAge, strconv.FormatInt(policy.MaxAge, 10))
	}
}

type corsKey struct{}

// share lets the page that a request comes from use the response, if the policy does. With a policy
// those headers are the host's alone.
func share(c *fiber.Ctx, policy *store.CORS) {
	if policy == nil {
		return
	}
	c.Locals(corsKey{}, true)
	if len(policy.Origins) == 0 {
		return
	}
	if !slices.Contains(policy.Origins, "*") {
		c.Append(fiber.HeaderVary, fiber.HeaderOrigin)
	}
	if origin := c.Get(fiber.HeaderOrigin); routing.Allows(policy, origin) {
		allowOrigin(c, policy, origin)
		if len(policy.Expose) > 0 {
			c.Set(fiber.HeaderAccessControlExposeHeaders, strings.Join(policy.Expose, ", "))
		}
	}
}

func allowOrigin(c *fiber.Ctx, policy *store.CORS, origin string) {
	if slices.Contains(policy.Origins, "*") {
		origin = "*"
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	if policy.Credentials {
		c.Set(fiber.HeaderAccessControlAllowCredentials, "true")
	}
}

// isShared reports whether a header of a script's response, its name in lower case, is decided by the
// policy of its route.
func isShared(c *fiber.Ctx, name string) bool {
	return strings.HasPrefix(name, "access-control-") && c.Locals(corsKey{}) != nil
}
