package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func TestPages(t *testing.T) {
	host := sdktest.New(t)
	named := map[string]string{"name": "tea"}
	for _, c := range []struct {
		what    string
		request sdk.Request
		status  int
		answer  []string // parts of it
		not     string
	}{
		{"no pages yet", sdk.Request{}, 200, []string{"<title>Pages</title>", "<ul>\n</ul>"}, "<li>"},
		{"no such page", sdk.Request{Params: named}, 404, []string{`"got":"tea"`}, ""},
		{"write", sdk.Request{Method: "PUT", Params: named, BodyRaw: []byte("# Tea & *more*\n\n- [x] hot\n\n<script>")}, 200, []string{`{"page":"/pages/tea","title":"Tea & *more*"}`}, ""},
		{"read", sdk.Request{Params: named}, 200, []string{"<title>Tea &amp; *more*</title>", "<h1>Tea &amp; <em>more</em></h1>", "checkbox"}, "<script>"},
		{"list", sdk.Request{}, 200, []string{`<a href="/pages/tea">Tea &amp; *more*</a>`}, ""},
		{"without a heading", sdk.Request{Method: "PUT", Params: named, BodyRaw: []byte("text")}, 200, []string{`"title":"tea"`}, ""},
		{"empty", sdk.Request{Method: "PUT", Params: named, BodyRaw: []byte(" \n")}, 422, []string{"is empty"}, ""},
		{"bad name", sdk.Request{Params: map[string]string{"name": "../etc"}}, 422, []string{"name must be 1 to 64", `"got":"../etc"`}, ""},
		{"long name", sdk.Request{Params: map[string]string{"name": strings.Repeat("a", 65)}}, 422, []string{"name must be 1 to 64"}, ""},
		{"delete", sdk.Request{Method: "DELETE", Params: named}, 204, nil, ""},
		{"delete again", sdk.Request{Method: "DELETE", Params: named}, 404, nil, ""},
	} {
		response, err := host.Handle(c.request)
		require.NoError(t, err, c.what)
		assert.Equal(t, c.status, response.Status, c.what)
		for _, part := range c.answer {
			assert.Contains(t, string(response.Body), part, c.what)
		}
		if c.not != "" {
			assert.NotContains(t, string(response.Body), c.not, c.what)
		}
	}
	lines := host.Log()
	require.Len(t, lines, 2)
	assert.Equal(t, "written", lines[0].Message)
	assert.Equal(t, `{"bytes":35,"page":"tea"}`, lines[0].Data.String())
}

// What the store refuses ends the execution; the reader learns nothing of why.
func TestNoRightToWrite(t *testing.T) {
	host := sdktest.New(t)
	host.Deny("AppKvWrite")
	_, err := host.Handle(sdk.Request{Method: "PUT", Params: map[string]string{"name": "tea"}, BodyRaw: []byte("text")})
	assert.Equal(t, sdk.CodeDenied, sdk.ErrorCode(err))
}
