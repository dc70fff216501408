package front

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/sites"
)

// visit answers a request for a static site, without a sandbox.
func (s *Server) visit(c *fiber.Ctx, site *sites.Site, appID string, found routing.Resolution) error {
	method := string(of(c).edge.Method)
	if method != http.MethodGet && method != http.MethodHead {
		c.Set(fiber.HeaderAllow, "GET, HEAD")
		return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, "a static site answers GET and HEAD only")
	}
	name := found.Rest()
	var page sites.Page
	if name == "" && !strings.HasSuffix(found.Path, "/") { // the folder itself, by a route of its own
		page = sites.Page{Status: http.StatusPermanentRedirect, Redirect: found.Path[strings.LastIndexByte(found.Path, '/')+1:] + "/"}
	} else {
		page = site.Find(name, method == http.MethodGet && strings.Contains(c.Get(fiber.HeaderAccept), "text/html"))
	}
	switch {
	case page.Status == http.StatusPermanentRedirect:
		location := &url.URL{Path: page.Redirect, RawQuery: valid(c.Request().URI().QueryString())}
		c.Set(fiber.HeaderLocation, location.String())
		return c.SendStatus(page.Status)
	case page.File == "":
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "there is no such page")
	}
	file, err := s.files.Open(c.UserContext(), appID, sites.Collection, page.File)
	if fault.Of(err) == fault.NotFound { // it was deleted, and the site does not know
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "there is no such page")
	}
	if err != nil {
		return s.refused(c, err)
	}
	head := http.Header{"X-Content-Type-Options": {"nosniff"}, "Cache-Control": {page.Cache}}
	if refused := s.serveFile(c, file, page.Status, head); refused != nil {
		return refused.Send(c)
	}
	return nil
}
