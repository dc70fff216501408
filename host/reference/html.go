package reference

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"strings"
	"sync"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

//go:embed page.css
var style string

// Policy is the Content-Security-Policy of the pages as HTML: nothing is loaded, nothing runs, and nobody frames
// them.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

var converter = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(relink{}, 1))),
	)
})

// HTML returns a page as HTML; ok is false when there is none of that name.
func HTML(page string) (document []byte, ok bool) {
	markdown, ok := Markdown(page)
	if !ok {
		return nil, false
	}
	var body bytes.Buffer
	if err := converter().Convert([]byte(markdown), &body, parser.WithContext(parser.NewContext(parser.WithIDs(anchors{})))); err != nil {
		panic(err) // of a page that is in the program
	}
	title := page
	if _, after, found := strings.Cut(markdown, "# "); found {
		title, _, _ = strings.Cut(after, "\n")
	}
	return fmt.Appendf(nil, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"+
		"<title>%s · PiCloud</title><style>%s</style></head><body>\n<nav><a href=\"index\">Reference</a></nav>\n<main>\n%s</main>\n</body></html>\n",
		html.EscapeString(title), style, body.Bytes()), true
}

// anchors names headings as GitHub does.
type anchors map[string]bool

// Generate implements parser.IDs.
func (a anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, string(value))
	for unique := name; ; {
		if !a[unique] {
			a[unique] = true
			return []byte(unique)
		}
		unique = fmt.Sprintf("%s-%d", name, len(a))
	}
}

// Put implements parser.IDs.
func (a anchors) Put(value []byte) { a[string(value)] = true }

// relink has links to pages lead to where they are served.
type relink struct{}

// Transform implements parser.ASTTransformer.
func (relink) Transform(document *ast.Document, _ text.Reader, _ parser.Context) {
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering && !bytes.Contains(link.Destination, []byte("://")) {
			link.Destination = bytes.Replace(link.Destination, []byte(".md"), nil, 1)
		}
		return ast.WalkContinue, nil
	})
}
