package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
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
	if int64(result.Requests) != asked.Load() {
		t.Errorf("%d requests were counted, %d arrived", result.Requests, asked.Load())
	}
	if result.PerSecond <= 0 || result.P50 <= 0 || result.P99 < result.P50 {
		t.Errorf("result = %+v, want positive figures with p50 <= p99", result)
	}
}

// A question with a body is asked with POST, of one URL after the other.
func TestApplyLoadSends(t *testing.T) {
	var asked [3]atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || string(body) != scaleText[:scaleBody] {
			http.Error(w, fmt.Sprintf("%s of %d bytes, %v", r.Method, len(body), err), http.StatusBadRequest)
			return
		}
		if number, err := strconv.Atoi(r.URL.Path[1:]); err == nil {
			asked[number].Add(1)
		}
		io.WriteString(w, strconv.Itoa(len(body)))
	}))
	defer server.Close()

	q := question{send: scaleText[:scaleBody], want: strconv.Itoa(scaleBody)}
	for i := range asked {
		q.urls = append(q.urls, fmt.Sprintf("%s/%d", server.URL, i))
	}
	const connections = 2
	if _, err := applyLoad(t.Context(), q, connections, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	most, least := int64(0), int64(math.MaxInt64)
	for i := range asked {
		most, least = max(most, asked[i].Load()), min(least, asked[i].Load())
	}
	if least == 0 || most-least > connections {
		t.Errorf("the URLs were asked %d to %d times, want each about as often as the others", least, most)
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
