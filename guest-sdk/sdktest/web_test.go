package sdktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/files"
)

const upload = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nCat\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\nho\r\n--b--"

// useWeb handles requests and makes responses of each kind.
func useWeb(t *testing.T, host *Host) {
	sdk.Handle(func(_ sdk.Context, req sdk.Request) (sdk.Response, error) {
		assert.Equal(t, "Cat", req.FormValue("title"))
		assert.Equal(t, []byte("ho"), req.FormFile("f").Data)
		assert.Equal(t, "a.txt", req.Form["f"][0].File.Filename)
		assert.Nil(t, req.FormFile("none"))
		assert.Equal(t, map[string]string{"sid": "1"}, req.Cookies)
		assert.Equal(t, []string{"1", "2"}, req.QueryAll["q"])
		assert.Equal(t, []string{"2", "https", "h", "9.9.9.9"}, []string{req.Query["q"], req.Scheme, req.Host, req.RemoteAddr})
		saved, err := files.Collection("c").Save("f")
		if err != nil {
			return sdk.Response{}, err
		}
		assert.Equal(t, "b.txt", saved.Name)
		if saved, err = files.Collection("c").SaveAt("f", 0); err != nil {
			return sdk.Response{}, err
		}
		assert.Equal(t, "a.txt", saved.Name)
		response := sdk.File("c", saved.ID).WithCookie("sid", sdk.Cookie{Value: "2", MaxAge: 60, Visible: true})
		return response.WithCookie("old", sdk.Cookie{MaxAge: -1}), nil
	})
	got, err := host.Handle(sdk.Request{
		Method: "POST", BodyRaw: []byte(upload), Headers: map[string]string{"content-type": "multipart/form-data; boundary=b"},
		Cookies: map[string]string{"sid": "1"}, QueryAll: map[string][]string{"q": {"1", "2"}},
		Scheme: "https", Host: "h", RemoteAddr: "9.9.9.9",
	})
	require.NoError(t, err)
	assert.Equal(t, "c", got.File.Collection)
	assert.Equal(t, []string{"old=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax", "sid=2; Max-Age=60; Path=/; SameSite=Lax"}, got.Header.Values("Set-Cookie"))

	sdk.Handle(func(sdk.Context, sdk.Request) (sdk.Response, error) {
		return sdk.Response{Status: 201, Stream: func(out *sdk.Stream) error {
			if err := out.Event(sdk.ServerEvent{Event: "tick", ID: "1", Data: map[string]int{"n": 1}, Retry: time.Second}); err != nil {
				return err
			}
			return out.Write("end")
		}}.With("x-a", "b"), nil
	})
	got, err = host.Handle(sdk.Request{})
	require.NoError(t, err)
	assert.Equal(t, []any{201, "text/event-stream", "b"}, []any{got.Status, got.Header.Get("content-type"), got.Header.Get("x-a")})
	assert.Equal(t, "event: tick\nid: 1\nretry: 1000\ndata: {\"n\":1}\n\nend", string(got.Body))

	sdk.Handle(func(sdk.Context, sdk.Request) (sdk.Response, error) {
		return sdk.Response{File: &sdk.StoredFile{Collection: "c"}}, nil
	})
	_, err = host.Handle(sdk.Request{})
	assert.ErrorContains(t, err, "file.id: is missing")
}
