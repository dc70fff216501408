package front_test

import (
	"testing"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/front"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// site is a whole server, with what the tests here do with it.
type site struct{ *apitest.Site }

func newSite(t testing.TB, changes ...func(*front.Config)) *site {
	t.Helper()
	return &site{apitest.New(t, changes...)}
}

type answer = apitest.Answer

// do performs a request as the owner, expects a status and decodes the answer.
func do[T any](s *site, method, path string, in any, status int) T {
	s.T.Helper()
	return apitest.Do[T](s.Site, method, path, in, status)
}
