//go:build !nodashboard

package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/coding"
)

// Built reports whether the program has the dashboard: the build tag nodashboard leaves it out.
const Built = true

//go:embed all:built
var built embed.FS

// entry is the page itself. Addresses that name no file are the page's own: it shows what they mean.
const entry = "/index.html"

// hashed is the folder of the files whose names have a hash of their contents.
const hashed = "/assets/"

// A file is one of the built ones. It never changes while the server runs.
type file struct {
	media   string
	content []byte
	etag    string
}

// media are the types of what a build makes, by the ends of the names.
var media = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
}

// files are all built ones, by their paths.
var files = sync.OnceValue(func() map[string]*file {
	all := map[string]*file{}
	err := fs.WalkDir(built, "built", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := built.ReadFile(name)
		sum := sha256.Sum256(content)
		all[strings.TrimPrefix(name, "built")] = &file{media[path.Ext(name)], content, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return err
	})
	if err != nil { // of files that are part of the program
		panic(err)
	}
	return all
})

// encoded has the files as they were compressed, each once for each coding.
var encoded = coding.NewCache(16 << 20)

// mount adds the page, at every address that nothing before answers. Those that name no file have it for browsers only: a
// probe of /healthz is told that there is none.
func mount(app *fiber.App) {
	app.Use(func(c *fiber.Ctx) error {
		if method := c.Method(); method != http.MethodGet && method != http.MethodHead {
			c.Set(fiber.HeaderAllow, "GET, HEAD")
			return problem.New(http.StatusMethodNotAllowed, fault.MethodNotAllowed, "there is no "+problem.Shorten(method+" "+c.Path())).Send(c)
		}
		name := c.Path()
		found := files()[name]
		isPage := name == "/" || strings.Contains(c.Get(fiber.HeaderAccept), "text/html") && !strings.HasPrefix(name, hashed)
		if found == nil {
			c.Vary(fiber.HeaderAccept)
		}
		if found == nil && !isPage {
			c.Set(fiber.HeaderCacheControl, "no-store")
			return problem.New(http.StatusNotFound, fault.NotFound, "there is nothing at "+problem.Shorten(name)).Send(c)
		}
		if found == nil {
			name, found = entry, files()[entry]
		}
		return found.send(c, name)
	})
}

func (f *file) send(c *fiber.Ctx, name string) error {
	cache := "no-cache"
	if strings.HasPrefix(name, hashed) {
		cache = "public, max-age=31536000, immutable"
	}
	c.Set(fiber.HeaderCacheControl, cache)
	as := ""
	if coding.IsWorth(http.StatusOK, int64(len(f.content)), f.media, "", cache) {
		as = coding.Negotiate(c.Get(fiber.HeaderAcceptEncoding))
		c.Vary(fiber.HeaderAcceptEncoding)
	}
	etag := coding.Tag(f.etag, as)
	c.Set(fiber.HeaderETag, etag)
	if front.MatchesTag(c.Get(fiber.HeaderIfNoneMatch), etag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	content := f.content
	if as != "" {
		content, _ = encoded.Get(name, as, func() ([]byte, error) { return coding.Compress(f.content, as), nil })
		c.Set(fiber.HeaderContentEncoding, as)
	}
	c.Set(fiber.HeaderContentType, f.media)
	c.Response().SetBodyRaw(content)
	return nil
}
