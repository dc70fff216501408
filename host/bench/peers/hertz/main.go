// Command hertz is a peer of the benchmark: a server of HTTP on another event loop than fiber's,
// Hertz on netpoll. It answers GET /hello with a constant.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network/netpoll"
)

var answer = []byte(`{"message":"Hello, world!"}`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: hertz ADDR")
		os.Exit(2)
	}
	hlog.SetLevel(hlog.LevelError)
	h := server.New(server.WithHostPorts(os.Args[1]), server.WithTransport(netpoll.NewTransporter), server.WithDisablePrintRoute(true))
	h.GET("/hello", func(_ context.Context, c *app.RequestContext) { c.Data(200, "application/json", answer) })
	h.Spin()
}
