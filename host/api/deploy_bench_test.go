//go:build unix

package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Many changes are one transaction: of twenty scripts in a time that a person does not notice, and of a large folder in one for which
// others can wait.
func BenchmarkDeploy(b *testing.B) {
	for _, name := range eachtest.Kinds(b) {
		for _, scripts := range []int{20, 1000} {
			b.Run(fmt.Sprintf("%s/%d scripts", name, scripts), func(b *testing.B) {
				s := newQuietSite(b, name)
				s.App("shop")
				do[wire.Script](s, "POST", "apps/shop/scripts", `{"name":"lib","kind":"module","source":"fn twice(x) { 2 * x }"}`, 201)
				source := `import \"lib\" as lib;\n` + strings.Repeat(`let total = 0; for line in [1, 2, 3] { total += lib::twice(line); }\n`, 25)
				n := 0
				for b.Loop() {
					var changes []wire.DeployChange
					for range scripts {
						n++
						name := fmt.Sprintf("s%d", n)
						changes = append(changes, part("create-script", "", `{"name":"`+name+`","source":"`+source+`"}`),
							part("create-route", name, `{"path":"/`+name+`"}`))
					}
					if got := s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(changes...)); got.StatusCode != http.StatusOK {
						b.Fatalf("%d: %s", got.StatusCode, got.Content)
					}
				}
			})
		}
	}
}
