package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

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

// A document is a text that never changes while the server runs.
type document struct {
	text  []byte
	media string
	etag  string
}

func newDocument(text []byte, media string) *document {
	sum := sha256.Sum256(text)
	return &document{text, media, strconv.Quote(hex.EncodeToString(sum[:16]))}
}

// documents are those that were asked for, by their names and media types: no more than there are.
var documents sync.Map

// documentOf returns a page as Markdown or as HTML, nil when there is none of that name.
func documentOf(page, media string) *document {
	if kept, ok := documents.Load(page + " " + media); ok {
		return kept.(*document)
	}
	var text []byte
	markdown, ok := reference.Markdown(page)
	if text = []byte(markdown); ok && media != typeMarkdown {
		text, ok = reference.HTML(page)
	}
	if !ok {
		return nil
	}
	made := newDocument(text, media)
	documents.Store(page+" "+media, made)
	return made
}

var (
	sdkDocument = sync.OnceValue(func() *document { return newDocument(reference.JSON(), fiber.MIMEApplicationJSON) })
	definitions = sync.OnceValue(func() *document {
		return newDocument([]byte(reference.Definitions()), fiber.MIMETextPlainCharsetUTF8)
	})
)

// mountReference adds what scripts can use, for programs, to the OpenAPI document.
func (a *API) mountReference(admin huma.API) {
	operation(a, admin, http.MethodGet, "/sdk", "get-sdk", "Get what scripts can use: modules, functions, their types and examples; If-None-Match is honoured", http.StatusOK, getSDK,
		public, func(op *huma.Operation) {
			op.Path = sdkPath
			schema := admin.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[reference.SDK](), true, "")
			op.Responses = map[string]*huma.Response{
				"200": {Description: "What scripts can use", Content: map[string]*huma.MediaType{fiber.MIMEApplicationJSON: {Schema: schema}}},
				"304": {Description: "The client has it: If-None-Match names its ETag"},
			}
		})
}

type sdkAnswer struct {
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Status       int
	Body         []byte
}

func getSDK(_ context.Context, in *struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETags of what the client has, or *"`
}) (*sdkAnswer, error) {
	sdk := sdkDocument()
	answer := &sdkAnswer{ETag: sdk.etag, CacheControl: cacheReference, Status: http.StatusNotModified}
	if !names(in.IfNoneMatch, sdk.etag) {
		answer.Status, answer.ContentType, answer.Body = http.StatusOK, sdk.media, sdk.text
	}
	return answer, nil
}

// cacheReference has the reference kept, and asked for again: it changes with the server.
const cacheReference = "public, no-cache"

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
	app.Get(referencePath, func(c *fiber.Ctx) error {
		if c.Accepts("text/markdown", fiber.MIMETextHTML) == fiber.MIMETextHTML { // whose links are relative to a page
			c.Vary(fiber.HeaderAccept)
			return c.Redirect(referencePath+"/"+reference.Index, http.StatusFound)
		}
		return sendPage(c, reference.Index)
	})
	app.Get(referencePath+"/:page", func(c *fiber.Ctx) error { return sendPage(c, c.Params("page")) })
	app.Get(definitionsPath, func(c *fiber.Ctx) error { return send(c, definitions()) })
}

func sendPage(c *fiber.Ctx, name string) error {
	name, media := strings.TrimSuffix(name, ".md"), typeMarkdown
	if name == c.Params("page") && c.Accepts("text/markdown", fiber.MIMETextHTML) == fiber.MIMETextHTML {
		media = fiber.MIMETextHTMLCharsetUTF8
		c.Set(fiber.HeaderContentSecurityPolicy, reference.Policy)
	}
	page := documentOf(name, media)
	if page == nil {
		return problem.New(http.StatusNotFound, fault.NotFound, fmt.Sprintf("the reference has no page %s: %s lists all", problem.Shorten(strconv.Quote(name)), referencePath)).Send(c)
	}
	c.Vary(fiber.HeaderAccept)
	return send(c, page)
}

// send answers a document, or 304 to who has it.
func send(c *fiber.Ctx, d *document) error {
	c.Set(fiber.HeaderETag, d.etag)
	c.Set(fiber.HeaderCacheControl, cacheReference)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if names(c.Get(fiber.HeaderIfNoneMatch), d.etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, d.media)
	return c.Send(d.text)
}
