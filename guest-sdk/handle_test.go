package sdk_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

// A plugin names its handler in an init function; a test calls it through a host.
func ExampleHandle() {
	sdk.Handle(func(ctx sdk.Context, req sdk.Request) (sdk.Response, error) {
		var order struct {
			Item  string `json:"item"`
			Count int    `json:"count"`
		}
		if err := req.Decode(&order); err != nil {
			return sdk.JSON(422, map[string]string{"error": "an order has an item and a count"}), nil
		}
		return sdk.JSON(201, map[string]any{"ordered": order.Item, "count": order.Count}).
			With("location", "/orders/"+req.Params["shop"]), nil
	})

	sdktest.Run(func(host *sdktest.Host) {
		response, err := host.Handle(sdk.Request{
			Method: "POST", Path: "/shops/7/orders", Params: map[string]string{"shop": "7"},
			Body: sdk.Value(`{"item": "tea", "count": 2}`),
		})
		fmt.Println(response.Status, response.Header.Get("location"), string(response.Body), err)
		response, err = host.Handle(sdk.Request{Method: "POST", Body: sdk.Value(`{"count": "two"}`)})
		fmt.Println(response.Status, string(response.Body), err)
	})
	// Output:
	// 201 /orders/7 {"count":2,"ordered":"tea"} <nil>
	// 422 {"error":"an order has an item and a count"} <nil>
}

func ExampleInvoke() {
	sdktest.Run(func(host *sdktest.Host) {
		host.Provide("price", func(args sdk.Value) (any, error) {
			return map[string]any{"item": args.Any(), "cents": 250}, nil
		})
		price, err := sdk.Invoke[struct {
			Cents int `json:"cents"`
		}]("price", "tea")
		fmt.Println(price.Cents, err)
		_, err = sdk.Invoke[any]("weight", "tea")
		fmt.Println(sdk.ErrorCode(err), err)
	})
	// Output:
	// 250 <nil>
	// not_found invoke "weight": the app has no endpoint or plugin of this name
}

func ExampleValue() {
	v, _ := sdk.ValueOf(map[string]any{"name": "tea", "price": 2.0, "picture": []byte("png")})
	fmt.Println(v)
	fmt.Printf("%T %T\n", v.Any().(map[string]any)["price"], v.Any().(map[string]any)["picture"])
	// Output:
	// {"name":"tea","picture":{"$blob":"cG5n"},"price":2.0}
	// float64 []uint8
}

// answer returns a handler that always returns the same response.
func answer(response sdk.Response) sdk.Handler {
	return func(sdk.Context, sdk.Request) (sdk.Response, error) { return response, nil }
}

// What a client gets of a response.
func TestResponse(t *testing.T) {
	const text = "text/plain; charset=utf-8"
	host := sdktest.New(t)
	for _, c := range []struct {
		name        string
		response    sdk.Response
		status      int
		contentType string
		body        string
	}{
		{"nothing", sdk.Response{}, 204, "", ""},
		{"OK string", sdk.OK("hi"), 200, text, "hi"},
		{"OK map", sdk.OK(map[string]any{"a": 1.0}), 200, "application/json", `{"a":1.0}`},
		{"OK bytes", sdk.OK([]byte{1, 255}), 200, "application/octet-stream", "\x01\xff"},
		{"OK value", sdk.OK(sdk.Value(`[1]`)), 200, "application/json", `[1]`},
		{"OK nil", sdk.OK(nil), 204, "", ""},
		{"JSON map", sdk.JSON(422, map[string]string{"error": "e"}), 422, "application/json", `{"error":"e"}`},
		{"JSON string", sdk.JSON(200, "hi"), 200, "application/json", `"hi"`},
		{"JSON nil", sdk.JSON(200, nil), 200, "application/json", `null`},
		{"JSON bytes", sdk.JSON(200, []byte("a")), 200, "application/json", `{"$blob":"YQ=="}`},
		{"Text", sdk.Text(404, "not here"), 404, text, "not here"},
		{"HTML", sdk.HTML(200, "<p>"), 200, "text/html; charset=utf-8", "<p>"},
		{"Bytes", sdk.Bytes(200, "image/png", []byte("png")), 200, "image/png", "png"},
		{"no bytes", sdk.Bytes(200, "image/png", nil), 200, "image/png", ""},
		{"NoContent", sdk.NoContent(), 204, "", ""},
		{"headers alone", sdk.Response{}.With("x-a", "b"), 204, "", ""},
		{"headers and body", sdk.OK("hi").With("x-a", "b"), 200, text, "hi"},
		{"own type wins", sdk.Text(200, "a,b").With("content-type", "text/csv"), 200, "text/csv", "a,b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sdk.Handle(answer(c.response))
			got, err := host.Handle(sdk.Request{})
			require.NoError(t, err)
			assert.Equal(t, c.status, got.Status)
			assert.Equal(t, c.contentType, got.Header.Get("content-type"))
			assert.Equal(t, c.body, string(got.Body))
		})
	}
}

func TestResponseHeaders(t *testing.T) {
	host := sdktest.New(t)
	first := sdk.Redirect(303, "/there").With("set-cookie", "a=1")
	sdk.Handle(answer(first.With("set-cookie", "b=2")))
	got, err := host.Handle(sdk.Request{})
	require.NoError(t, err)
	assert.Equal(t, 303, got.Status)
	assert.Equal(t, "/there", got.Header.Get("location"))
	assert.Equal(t, []string{"a=1", "b=2"}, got.Header.Values("set-cookie"))
	assert.Equal(t, []string{"a=1"}, first.Headers["set-cookie"], "With leaves what it began from alone")
}

func TestHandlerFails(t *testing.T) {
	host := sdktest.New(t)
	for _, c := range []struct {
		name    string
		handler sdk.Handler
		says    string
	}{
		{"no handler", nil, "no handler"},
		{"an error", func(sdk.Context, sdk.Request) (sdk.Response, error) {
			return sdk.Response{}, errors.New("no tea left")
		}, "no tea left"},
		{"no value", answer(sdk.OK(math.NaN())), "NaN"},
		{"no value within", answer(sdk.JSON(200, map[string]any{"a": func() {}})), "/a"},
		{"no status", answer(sdk.Text(999, "")), "statusCode"},
		{"no header", answer(sdk.OK("").With("a b", "c")), "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sdk.Handle(c.handler)
			_, err := host.Handle(sdk.Request{})
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// What a handler sees of a request.
func TestRequest(t *testing.T) {
	host := sdktest.New(t)
	var got sdk.Request
	sdk.Handle(func(ctx sdk.Context, req sdk.Request) (sdk.Response, error) {
		assert.Equal(t, sdk.InvokedByHTTP, ctx.InvocationType)
		assert.Equal(t, "1.0", ctx.SDKVersion)
		assert.NotEmpty(t, ctx.AppID)
		got = req
		return sdk.OK(nil), nil
	})
	for _, c := range []struct {
		name    string
		request sdk.Request
		body    any
		raw     string
	}{
		{"nothing", sdk.Request{}, nil, ""},
		{"map", sdk.Request{Body: sdk.Value(`{"a":[1,2.0]}`)}, map[string]any{"a": []any{int64(1), 2.0}}, `{"a":[1,2.0]}`},
		{"text", sdk.Request{Body: sdk.Value(`"hi"`)}, "hi", "hi"},
		{"bytes", sdk.Request{BodyRaw: []byte{0, 255}}, []byte{0, 255}, "\x00\xff"},
		{"JSON as it came", sdk.Request{BodyRaw: []byte(` [1]`), Headers: map[string]string{"Content-Type": "application/json"}}, []any{int64(1)}, ` [1]`},
		{"not the JSON it claims", sdk.Request{BodyRaw: []byte(`[1`), Headers: map[string]string{"content-type": "application/json"}}, `[1`, `[1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := host.Handle(c.request)
			require.NoError(t, err)
			assert.Equal(t, c.body, got.Body.Any())
			assert.Equal(t, c.raw, string(got.BodyRaw))
			assert.Equal(t, "GET", got.Method)
			assert.Equal(t, "/", got.Path)
		})
	}
	_, err := host.Handle(sdk.Request{
		Method: "delete", Path: "/a/b", Headers: map[string]string{"X-Who": "ada"},
		Params: map[string]string{"id": "7"}, Query: map[string]string{"q": "1"}, Rest: "b",
	})
	require.NoError(t, err)
	assert.Equal(t, "DELETE", got.Method)
	assert.Equal(t, "ada", got.Header("x-WHO"))
	assert.Equal(t, []string{"/a/b", "7", "1", "b"}, []string{got.Path, got.Params["id"], got.Query["q"], got.Rest})
}

func TestInvokedAndTriggered(t *testing.T) {
	host := sdktest.New(t)
	sdk.Handle(func(ctx sdk.Context, req sdk.Request) (sdk.Response, error) {
		assert.Empty(t, req.Method, "there is no request")
		if ctx.InvocationType == sdk.InvokedByTrigger {
			return sdk.OK(ctx.Event), nil
		}
		n, err := sdk.As[int64](ctx.Args)
		return sdk.OK(n + 1), err
	})
	value, err := host.Invoke(41)
	require.NoError(t, err)
	assert.Equal(t, int64(42), value.Any())
	_, err = host.Invoke("many")
	assert.ErrorContains(t, err, "int64")
	_, err = host.Invoke(math.Inf(1))
	assert.ErrorContains(t, err, "args")
	value, err = host.Trigger(map[string]any{"source": "cron"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"source":"cron"}`, value.String())
}

func TestValue(t *testing.T) {
	var none sdk.Value
	assert.True(t, none.IsNull())
	assert.Equal(t, "null", none.String())
	assert.Nil(t, none.Any())
	assert.Nil(t, sdk.Value("{not JSON").Any())
	text, err := none.MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, "null", string(text))

	type row struct {
		Known string    `json:"known"`
		Rest  sdk.Value `json:"rest"`
	}
	v, err := sdk.ValueOf(row{"k", sdk.Value(`{"a":1.0}`)})
	require.NoError(t, err)
	assert.Equal(t, `{"known":"k","rest":{"a":1.0}}`, v.String())
	back, err := sdk.As[row](v)
	require.NoError(t, err)
	assert.Equal(t, row{"k", sdk.Value(`{"a":1.0}`)}, back)
	_, err = sdk.ValueOf(sdk.Value("{not JSON"))
	assert.ErrorContains(t, err, "sdk.Value")
}
