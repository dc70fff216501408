package front

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// TellMethods names the methods that there are at the path of a request whose own nothing has there.
// It reports whether that is the answer, as to OPTIONS.
func TellMethods(c *fiber.Ctx, method string, methods []string) (answered bool) {
	if !slices.Contains(methods, http.MethodOptions) {
		methods = append(slices.Clone(methods), http.MethodOptions)
	}
	c.Set(fiber.HeaderAllow, strings.Join(methods, ", "))
	if method == http.MethodOptions {
		c.Status(http.StatusNoContent)
		return true
	}
	return false
}

// Paths are those that handlers of a fiber app answer, with their methods.
type Paths struct {
	patterns []string
	methods  map[string][]string
}

// AnswerHead makes everything of an app that answers GET answer HEAD, and returns what there is.
func AnswerHead(app *fiber.App) *Paths {
	p := &Paths{methods: map[string][]string{}}
	routes := app.GetRoutes(true)
	for _, r := range routes {
		if p.methods[r.Path] == nil {
			p.patterns = append(p.patterns, r.Path)
		}
		p.methods[r.Path] = append(p.methods[r.Path], r.Method)
	}
	for _, r := range routes {
		if r.Method == http.MethodGet && !slices.Contains(p.methods[r.Path], http.MethodHead) {
			app.Add(http.MethodHead, r.Path, r.Handlers...)
			p.methods[r.Path] = append(p.methods[r.Path], http.MethodHead)
		}
	}
	return p
}

// Methods returns those that a path has, sorted; none if there is nothing.
func (p *Paths) Methods(path string) (methods []string) {
	for _, pattern := range p.patterns {
		if fiber.RoutePatternMatch(path, pattern, fiber.Config{CaseSensitive: true, StrictRouting: true}) {
			methods = append(methods, p.methods[pattern]...)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}
