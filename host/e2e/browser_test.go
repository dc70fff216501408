package e2e

import (
	"net"
	"os"
	"os/exec"
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
	c.Dir, c.Stdout, c.Stderr = "../dashboard/page", os.Stdout, os.Stderr
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, 10*time.Second
	c.Env = append(os.Environ(), "PICLOUD_TEST_DASHBOARD="+server.dashboard, "PICLOUD_TEST_SITE="+server.url,
		"PICLOUD_TEST_PASSWORD=correct horse", "PICLOUD_TEST_CHROMIUM="+chromium,
		"PICLOUD_TEST_FIRST="+first.dashboard, "PICLOUD_TEST_FIRST_PASSWORD="+first.password)
	require.NoError(t, c.Run())
}

// freeAddress returns one that nothing listens on, to be that of a dashboard for good.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
