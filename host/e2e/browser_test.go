package e2e

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What `make browser` and `make screenshots` set: the path of Chromium, and what npm is to run.
const (
	browserPath   = "PICLOUD_BROWSER"
	browserScript = "PICLOUD_BROWSER_SCRIPT"
)

// TestBrowser has Chromium use the dashboard of the built server, as people do and as hostile pages would: the tests
// are in host/dashboard/page/test.
func TestBrowser(t *testing.T) {
	chromium, script := os.Getenv(browserPath), os.Getenv(browserScript)
	if chromium == "" || script == "" {
		t.Skip("make browser has it")
	}
	server := launch(t, newPlace(t), "--dashboard-addr", freeAddress(t), "--dashboard-hosts", "named.example") // which Chromium is told is here
	require.NotEmpty(t, server.dashboard, "%s", server.output)
	first := startServer(t, newPlace(t))
	require.NotEmpty(t, first.dashboard)
	c := exec.CommandContext(t.Context(), "npm", "run", "--silent", script)
	var said bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = "../dashboard/page", io.MultiWriter(os.Stdout, &said), os.Stderr
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, 10*time.Second
	c.Env = append(os.Environ(), "PICLOUD_TEST_DASHBOARD="+server.dashboard, "PICLOUD_TEST_SITE="+server.url,
		"PICLOUD_TEST_PASSWORD=correct horse", "PICLOUD_TEST_CHROMIUM="+chromium,
		"PICLOUD_TEST_FIRST="+first.dashboard, "PICLOUD_TEST_FIRST_SITE="+first.url, "PICLOUD_TEST_FIRST_PASSWORD="+first.password)
	err := runWithRestarts(t, c)
	_, failing, _ := strings.Cut(said.String(), "failing tests:") // said again, beside the server's log
	require.NoError(t, err, "%s", failing)
}

// runWithRestarts runs a command that may have a server of its own started and stopped, as often as it likes, by POST /start and
// /stop to PICLOUD_TEST_CONTROL. Its dashboard is at PICLOUD_TEST_RESTARTED.
func runWithRestarts(t *testing.T, c *exec.Cmd) error {
	t.Helper()
	p, address := newPlace(t), freeAddress(t)
	asked, done := make(chan string), make(chan struct{}) // what a test must do itself: it may fail there
	control := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.URL.Path:
			<-done
		case <-r.Context().Done():
		}
	}))
	defer control.Close()
	defer close(done)
	c.Env = append(c.Env, "PICLOUD_TEST_CONTROL="+control.URL, "PICLOUD_TEST_RESTARTED=http://"+address)
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var server *daemon
	for {
		select {
		case what := <-asked:
			if what == "/start" {
				server = launch(t, p, "--dashboard-addr", address)
			} else {
				require.NoError(t, server.end(syscall.SIGTERM))
			}
			done <- struct{}{}
		case err := <-ended:
			return err
		}
	}
}

// freeAddress returns one that nothing listens on, to be that of a dashboard for good.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
