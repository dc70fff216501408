package front

import (
	"context"
	"crypto/subtle"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/picloud/picloud/host/fault"
)

// mountHealth answers, without credentials but for metrics where there is a token:
//
//	/healthz  200 while the process runs
//	/readyz   200 when requests can be answered, 503 when the database does not take
//	          writes or the server stops
//	/version  {"version","go"}
//	/metrics  Prometheus metrics
func (s *Server) mountHealth(registry *prometheus.Registry, metricsToken string) {
	get := func(path string, handlers ...fiber.Handler) {
		s.app.Get(path, append([]fiber.Handler{func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderCacheControl, "no-store") // it is of the moment
			return c.Next()
		}}, handlers...)...)
	}
	status := func(c *fiber.Ctx, code int, text string) error {
		return c.Status(code).JSON(fiber.Map{"status": text})
	}
	get("/healthz", func(c *fiber.Ctx) error { return status(c, http.StatusOK, "ok") })
	get("/readyz", func(c *fiber.Ctx) error {
		if s.stopping.Load() {
			return status(c, http.StatusServiceUnavailable, "stopping")
		}
		if err := s.written.check(s.store.Ping); err != nil {
			s.log.Warn("not ready", "error", err)
			return status(c, http.StatusServiceUnavailable, "the database does not take writes")
		}
		return status(c, http.StatusOK, "ready")
	})
	get("/version", func(c *fiber.Ctx) error {
		return c.JSON(fiber.Map{"version": s.version, "go": runtime.Version()})
	})
	get("/metrics", func(c *fiber.Ctx) error {
		given := Bearer(c.Get(fiber.HeaderAuthorization))
		if metricsToken == "" || subtle.ConstantTimeCompare([]byte(given), []byte(metricsToken)) == 1 {
			return c.Next()
		}
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="picloud metrics"`)
		return s.refuse(c, http.StatusUnauthorized, fault.Unauthorized, "the metrics need the token of the setting metrics_token")
	}, adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics"} {
		s.app.All(path, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderAllow, "GET, HEAD")
			return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, c.Path()+" answers GET only")
		})
	}
}

// How often /readyz has something written, and how long that may take.
const (
	probeEvery   = time.Second
	probeTimeout = 5 * time.Second
)

// A probe asks whether something works, at most once in a while however many want to know: they wait
// for the one that asks.
type probe struct {
	mu    sync.Mutex
	asked time.Time
	err   error
}

func (p *probe) check(ask func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) >= probeEvery {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		p.err = ask(ctx)
		p.asked = time.Now()
	}
	return p.err
}
