package api

import (
	"mime"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Streams reports whether a request brings the bytes of a file, the module of a plugin or an archive, which
// are for its handler to read.
func Streams(c *fiber.Ctx) bool {
	path, ok := strings.CutPrefix(c.Path(), adminPrefix+"/")
	if !ok {
		return false
	}
	switch parts := strings.Split(path, "/"); {
	case len(parts) == 2 && parts[0] == "apps" && strings.HasSuffix(parts[1], ":import"):
		return c.Method() == http.MethodPost
	case len(parts) == 4 && parts[0] == "apps" && parts[2] == "files":
		return c.Method() == http.MethodPost
	case len(parts) == 5 && parts[0] == "apps" && parts[2] == "files":
		return c.Method() == http.MethodPut
	case len(parts) == 3 && parts[0] == "apps" && parts[2] == "scripts":
		return c.Method() == http.MethodPost && !bringsJSON(c)
	case len(parts) == 2 && parts[0] == "scripts":
		return c.Method() == http.MethodPut && !bringsJSON(c)
	}
	return false
}

// bringsJSON reports whether the body of a request says that it is JSON, or nothing.
func bringsJSON(c *fiber.Ctx) bool {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType, fiber.MIMEApplicationJSON))
	return err == nil && (media == fiber.MIMEApplicationJSON || strings.HasSuffix(media, "+json"))
}
