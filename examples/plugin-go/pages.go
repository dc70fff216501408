// Plugin-go is a plugin that serves Markdown pages: they come in by PUT, are kept in kv and read as
// HTML.
package main

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/kv"
	"github.com/picloud/picloud/guest-sdk/log"
)

// Page is a page as it is kept.
type Page struct {
	Title     string    `json:"title"`
	Markdown  string    `json:"markdown"`
	UpdatedAt time.Time `json:"updated_at"`
}

var (
	pages = kv.Collection[Page]("pages")

	// HTML in a page is left out of what readers get.
	markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList))

	validName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

func init() { sdk.Handle(handle) }

func main() {}

func handle(_ sdk.Context, req sdk.Request) (sdk.Response, error) {
	name, named := req.Params["name"]
	switch {
	case !named:
		return index()
	case !validName.MatchString(name):
		return refuse(422, "name must be 1 to 64 of a-z, 0-9 and -", name), nil
	case req.Method == "PUT":
		return write(name, string(req.BodyRaw))
	case req.Method == "DELETE":
		return remove(name)
	}
	return read(name)
}

func index() (sdk.Response, error) {
	var list strings.Builder
	for item, err := range pages.All("") {
		if err != nil {
			return sdk.Response{}, err
		}
		list.WriteString(`<li><a href="/pages/` + item.Key + `">` + html.EscapeString(item.Value.Title) + "</a></li>\n")
	}
	return page("Pages", "<h1>Pages</h1>\n<ul>\n"+list.String()+"</ul>\n"), nil
}

func read(name string) (sdk.Response, error) {
	p, found, err := pages.Get(name)
	if err != nil || !found {
		return refuse(404, "there is no such page", name), err
	}
	var body bytes.Buffer
	if err := markdown.Convert([]byte(p.Markdown), &body); err != nil {
		return sdk.Response{}, err
	}
	return page(p.Title, body.String()).With("last-modified", p.UpdatedAt.Format("Mon, 02 Jan 2006 15:04:05 GMT")), nil
}

func write(name, source string) (sdk.Response, error) {
	if strings.TrimSpace(source) == "" {
		return refuse(422, "the body must be Markdown, and is empty", name), nil
	}
	p := Page{Title: title(name, source), Markdown: source, UpdatedAt: time.Now().UTC()}
	if err := pages.Set(name, p); err != nil {
		return sdk.Response{}, err
	}
	log.Info("written", map[string]any{"page": name, "bytes": len(source)})
	return sdk.JSON(200, map[string]string{"page": "/pages/" + name, "title": p.Title}), nil
}

func remove(name string) (sdk.Response, error) {
	found, err := pages.Delete(name)
	if err != nil || !found {
		return refuse(404, "there is no such page", name), err
	}
	return sdk.NoContent(), nil
}

// title returns the text of a page's first heading, or its name without one.
func title(name, source string) string {
	document := markdown.Parser().Parse(text.NewReader([]byte(source)))
	for node := document.FirstChild(); node != nil; node = node.NextSibling() {
		if heading, ok := node.(*ast.Heading); ok {
			return string(heading.Lines().Value([]byte(source)))
		}
	}
	return name
}

func page(title, body string) sdk.Response {
	return sdk.HTML(200, "<!doctype html>\n<title>"+html.EscapeString(title)+"</title>\n"+body)
}

func refuse(status int, reason, got string) sdk.Response {
	return sdk.JSON(status, map[string]string{"error": reason, "got": got})
}
