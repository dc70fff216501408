package e2e

import (
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
	server := launch(t, newPlace(t))
	require.NotEmpty(t, server.dashboard, "%s", server.output)
	c := exec.CommandContext(t.Context(), "npm", "run", "--silent", script)
	c.Dir, c.Stdout, c.Stderr = "../dashboard/page", os.Stdout, os.Stderr
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, 10*time.Second
	c.Env = append(os.Environ(), "PICLOUD_TEST_DASHBOARD="+server.dashboard, "PICLOUD_TEST_SITE="+server.url,
		"PICLOUD_TEST_PASSWORD=correct horse", "PICLOUD_TEST_CHROMIUM="+chromium)
	require.NoError(t, c.Run())
}
