package http_test

import (
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"time"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/http"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func ExampleDo() {
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"city": %q, "degrees": 21.5}`, r.URL.Query().Get("city"))
	}))
	defer server.Close()
	sdktest.Run(func(*sdktest.Host) {
		response, err := http.Do(http.Request{
			URL:     server.URL + "/weather",
			Query:   map[string]string{"city": "Turin"},
			Timeout: 2 * time.Second,
		})
		if err != nil { // no answer; sdk.ErrorCode says why
			fmt.Println(sdk.ErrorCode(err))
			return
		}
		var weather struct {
			City    string  `json:"city"`
			Degrees float64 `json:"degrees"`
		}
		err = response.Decode(&weather)
		fmt.Println(response.Status, weather.City, weather.Degrees, err)
	})
	// Output:
	// 200 Turin 21.5 <nil>
}
