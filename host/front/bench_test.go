package front_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// BenchmarkRoute is a request over a real connection to a script that answers a constant, and the
// same without a script.
func BenchmarkRoute(b *testing.B) {
	s := newSite(b)
	s.Deploy("/hello", `#{ message: "hello" }`)
	for _, path := range []string{"/hello", "/healthz"} {
		for _, connections := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/connections=%d", path[1:], connections*2), func(b *testing.B) {
				client := &fasthttp.Client{MaxConnsPerHost: 64}
				b.SetParallelism(connections)
				b.RunParallel(func(pb *testing.PB) {
					request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
					request.SetRequestURI(s.URL + path)
					for pb.Next() {
						require.NoError(b, client.Do(request, response))
						require.Equal(b, 200, response.StatusCode())
					}
				})
			})
		}
	}
}
