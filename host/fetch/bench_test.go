package fetch

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/picloud/picloud/abi"
)

// BenchmarkDo compares a request with the same request by net/http alone, over a connection that is
// open.
func BenchmarkDo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"n":1,"list":[1,2,3],"text":"some text"}`)
	}))
	defer server.Close()
	b.Run("fetch", func(b *testing.B) {
		c := New(Config{AllowPrivate: true})
		defer c.Close()
		for b.Loop() {
			if _, err := c.Do(context.Background(), "app", "script", &abi.HTTPRequest{Method: "GET", URL: server.URL}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net-http", func(b *testing.B) {
		for b.Loop() {
			response, err := server.Client().Get(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
	})
}
