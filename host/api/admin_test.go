package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/authz"
)

func TestEveryOperationNeedsACredential(t *testing.T) {
	s := newSite(t)
	resp := s.Fetch("GET", "/api/v1/openapi.json", "")
	require.Equal(t, 200, resp.StatusCode)
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(resp.Content, &document))
	assert.True(t, strings.HasPrefix(document.OpenAPI, "3.1"))
	operations := 0
	for path, methods := range document.Paths {
		for method := range methods {
			if path == "/api/v1/admin/auth/login" || path == "/api/v1/admin/auth/invite" || path == "/api/v1/sdk" {
				continue
			}
			operations++
			path = strings.NewReplacer("{app}", "x", "{id}", "x", "{collection}", "x", "{key}", "x").Replace(path)
			for _, header := range []string{"X-None: x", "Authorization: Bearer pcs_unknown", "Authorization: Bearer pic_unknown", "Authorization: Basic b3duZXI6cHc=", "Authorization: " + s.Token} {
				got := s.Fetch(strings.ToUpper(method), path, "", header)
				if method == "head" { // whose answer has no body
					assert.Equal(t, 401, got.StatusCode)
					continue
				}
				says, challenge := "this needs a token", `Bearer realm="picloud"`
				if strings.HasPrefix(header, "Authorization: Bearer") {
					says, challenge = "unknown, expired or revoked", `Bearer realm="picloud", error="invalid_token"`
				}
				s.Refused(got, 401, "", says)
				assert.Equal(t, challenge, got.Header.Get("WWW-Authenticate"))
			}
		}
	}
	assert.Greater(t, operations, 20)
}

func TestBodiesThatAreNoBodies(t *testing.T) {
	s := newSite(t)
	create := func(body string, headers ...string) answer {
		return s.Fetch("POST", "/api/v1/admin/apps", body, append(headers, "Authorization: Bearer "+s.Token)...)
	}
	jsonType := "Content-Type: application/json"
	s.Refused(create("", jsonType), 400, "", "body is required")
	s.Refused(create(`{"slug":`, jsonType), 400, "body", "unexpected end of JSON")
	s.Refused(create(`{"slug":"a"}}`, jsonType), 400, "body", "invalid character")
	s.Refused(create(`[]`, jsonType), 422, "body", "must be an object")
	s.Refused(create("{\"slug\":\"a\",\"name\":\"\xff\"}", jsonType), 400, "", "invalid UTF-8")
	s.Refused(create(`{"slug":"a"}`, "Content-Type: text/yaml"), 415, "", "text/yaml")
	s.Refused(create(`{"slug":"a"}`, "Content-Type: ;;"), 415, "", "application/json")
	s.Refused(create(`{"slug":"a"}`, jsonType, "Content-Encoding: gzip"), 415, "", "compressed")
	s.Refused(create(strings.Repeat("[", 20_000), jsonType), 400, "body", "depth")
	assert.Equal(t, 201, create(`{"slug":"a"}`, "Content-Type: application/json; charset=utf-8").StatusCode)
	assert.Equal(t, 201, create(`{"slug":"b"}`).StatusCode, "JSON is what a body without a type is taken for")
}

// The API can be had at several listeners.
func TestMountedTwice(t *testing.T) {
	admin := api.New(api.Config{Authority: authz.New(nil, time.Hour), MaxBodyBytes: 1 << 20, Version: "test", Logger: slog.New(slog.DiscardHandler)})
	var documents []string
	for range 2 {
		app := fiber.New()
		admin.Mount(app)
		ask := func(path string, status int) string {
			resp, err := app.Test(httptest.NewRequest("GET", path, nil))
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, status, resp.StatusCode, "%s: %s", path, body)
			return string(body)
		}
		ask("/api/v1/admin/me", 401)
		ask("/api/v1/nope", 404)
		documents = append(documents, ask("/api/v1/openapi.json", 200))
	}
	assert.Equal(t, documents[0], documents[1])
}

// The type of a problem leads to what it means.
func TestTypesOfProblems(t *testing.T) {
	s := newSite(t)
	missing := s.Refused(s.Admin(s.Token, "GET", "apps/none", ""), 404, "", "")
	path, anchor, _ := strings.Cut(missing.Type, "#")
	page := s.Fetch("GET", path, "")
	assert.Equal(t, 200, page.StatusCode)
	assert.Equal(t, "not_found", anchor)
	assert.Contains(t, string(page.Content), `<dt id="not_found">not_found (404)</dt><dd>There is no such thing, or none that you may see.</dd>`)
}

// What answers 201 now and then is documented with that.
func TestCreatingIsDocumented(t *testing.T) {
	s := newSite(t)
	var document struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(s.Fetch("GET", "/api/v1/openapi.json", "").Content, &document))
	put := document.Paths["/api/v1/admin/apps/{app}/docs/{collection}/{id}"]["put"].Responses
	assert.Contains(t, put, "200")
	assert.Contains(t, put, "201")
}
