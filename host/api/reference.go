package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/reference"
)

// Where the reference is served, to anybody: it tells nothing of the server that the repository does not.
const (
	referencePath   = apiPrefix + "/reference"
	sdkPath         = apiPrefix + "/sdk"
	definitionsPath = apiPrefix + "/picloud.d.rhai"
)

const typeMarkdown = "text/markdown; charset=utf-8"

// mountReference adds what scripts can use, for programs, to the document.
func (a *API) mountReference(admin huma.API) {
	operation(a, admin, http.MethodGet, "/sdk", "get-sdk", "Get what scripts can use: modules, functions, their types and examples; If-None-Match is honoured", http.StatusOK, getSDK,
		public, func(op *huma.Operation) {
			op.Path = sdkPath
			op.Responses = map[string]*huma.Response{"304": {Description: "The client has it: If-None-Match names its ETag"}}
		})
}

type sdkAnswer struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Status       int
	Body         *reference.SDK
}

func getSDK(_ context.Context, in *struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETags of what the client has, or *"`
}) (*sdkAnswer, error) {
	answer := &sdkAnswer{ETag: tagOf(reference.JSON()), CacheControl: cacheReference, Status: http.StatusNotModified}
	if !names(in.IfNoneMatch, answer.ETag) {
		answer.Status, answer.Body = http.StatusOK, reference.Read()
	}
	return answer, nil
}

// cacheReference has the reference kept, and asked for again: it changes with the server.
const cacheReference = "public, no-cache"

// tagOf is an ETag of a text.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return strconv.Quote(hex.EncodeToString(sum[:16]))
}

// names reports whether an If-None-Match names a tag (RFC 9110, section 13.1.2).
func names(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || tag == etag {
			return true
		}
	}
	return false
}

// servePages adds the pages for people to a fiber app: as HTML to who asks for that, as Markdown to all others and
// where the name ends in .md.
func servePages(app *fiber.App) {
	app.Get(referencePath, func(c *fiber.Ctx) error { return sendPage(c, reference.Index) })
	app.Get(referencePath+"/:page", func(c *fiber.Ctx) error { return sendPage(c, c.Params("page")) })
	app.Get(definitionsPath, func(c *fiber.Ctx) error {
		return sendText(c, []byte(reference.Definitions()), "text/plain; charset=utf-8")
	})
}

func sendPage(c *fiber.Ctx, name string) error {
	name, asMarkdown := strings.CutSuffix(name, ".md")
	text, ok := reference.Markdown(name)
	if !ok {
		return problem.New(http.StatusNotFound, fault.NotFound, fmt.Sprintf("the reference has no page %s: %s lists all", problem.Shorten(strconv.Quote(name)), referencePath)).Send(c)
	}
	c.Vary(fiber.HeaderAccept)
	if asMarkdown || c.Accepts("text/markdown", fiber.MIMETextHTML) != fiber.MIMETextHTML {
		return sendText(c, []byte(text), typeMarkdown)
	}
	if c.Path() == referencePath && len(c.Request().URI().QueryString()) == 0 { // links on the page are relative to its folder
		return c.Redirect(referencePath+"/"+reference.Index, http.StatusFound)
	}
	page, _ := reference.HTML(name)
	c.Set(fiber.HeaderContentSecurityPolicy, reference.Policy)
	return sendText(c, page, fiber.MIMETextHTMLCharsetUTF8)
}

// sendText answers a text that never changes while the server runs, or 304 to who has it.
func sendText(c *fiber.Ctx, text []byte, media string) error {
	etag := tagOf(text)
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, cacheReference)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if names(c.Get(fiber.HeaderIfNoneMatch), etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, media)
	return c.Send(text)
}
