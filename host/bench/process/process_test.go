package process

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asServer makes this test program a server, on the address it holds.
const asServer = "PROCESS_TEST_SERVE"

func TestMain(m *testing.M) {
	if addr := os.Getenv(asServer); addr != "" {
		err := http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hello" {
				http.NotFound(w, r)
			}
		}))
		io.WriteString(os.Stderr, err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serve(addr string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asServer+"="+addr)
	return c
}

func TestStartAndStop(t *testing.T) {
	p, err := Start(t.Context(), "/hello", t.Output(), serve)
	if err != nil {
		t.Fatal(err)
	}
	if p.Started <= 0 {
		t.Errorf("started after %v, want some time", p.Started)
	}
	if mib, err := p.ResidentMiB(); err != nil || mib < 1 {
		t.Errorf("ResidentMiB() = %v, %v, want at least 1", mib, err)
	}
	before, err := p.ProcessorTime()
	for after := before; err == nil && after <= before; after, err = p.ProcessorTime() { // it grows with what is asked
		response, failed := http.Get(p.Address + "/hello")
		if failed != nil {
			t.Fatal(failed)
		}
		response.Body.Close()
	}
	if err != nil {
		t.Errorf("ProcessorTime: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop() = %v, want nil", err)
	}
	if _, err := http.Get(p.Address + "/hello"); err == nil {
		t.Error("the server answers after it was stopped")
	}
}

func TestStartOfWhatEndsAtOnce(t *testing.T) {
	_, err := Start(t.Context(), "/hello", t.Output(), func(string) *exec.Cmd { return exec.Command("false") })
	if err == nil || !strings.Contains(err.Error(), "ended before it answered") {
		t.Errorf("Start = %v, want an error that tells it ended", err)
	}
}

// A server that never answers as expected is stopped when the caller gives up.
func TestStartGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Start(ctx, "/other", t.Output(), func(addr string) *exec.Cmd {
		cancel()
		return serve(addr)
	})
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("Start = %v, want %v", err, context.Canceled)
	}
}
