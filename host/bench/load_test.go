package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestApplyLoad(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(w, "hello")
	}))
	defer server.Close()

	const connections = 4
	result, err := applyLoad(t.Context(), question{urls: []string{server.URL}, want: "hello"}, connections, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if asked.Load() < connections {
		t.Errorf("%d requests arrived, want at least one for each of %d connections", asked.Load(), connections)
	}
	if result.PerSecond <= 0 || result.P50 <= 0 || result.P99 < result.P50 {
		t.Errorf("result = %+v, want positive figures with p50 <= p99", result)
	}
}

// A server that is fast because it answers nonsense must not win.
func TestApplyLoadRefusesWrongAnswers(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"another body": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bye") },
		"overloaded":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hello", http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			_, err := applyLoad(t.Context(), question{urls: []string{server.URL}, want: "hello"}, 2, time.Minute)
			if err == nil || !strings.Contains(err.Error(), `want 200 "hello"`) {
				t.Errorf("error = %v, want one that tells what was expected", err)
			}
		})
	}
}
