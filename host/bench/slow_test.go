package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// Slow clients have whole conversations, one after another, until they are stopped.
func TestSlowClients(t *testing.T) {
	for name, client := range map[string]func(string) slowClient{"senders": slowSender, "readers": slowReader} {
		t.Run(name, func(t *testing.T) {
			const clients = 3
			var asked atomic.Int64
			again := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err == nil && r.URL.Path == "/take" {
					fmt.Fprint(w, len(body))
				} else if err == nil {
					io.WriteString(w, scaleText) // in chunks: it is longer than a buffer
				}
				if asked.Add(1) == 3*clients {
					close(again)
				}
			}))
			defer server.Close()
			c := client(server.URL)
			c.pause = time.Millisecond
			slow, err := startSlowClients(clients, c)
			if err != nil {
				t.Fatal(err)
			}
			<-again
			early, first := slow.stop()
			if early != 0 || slow.whole < clients {
				t.Errorf("%d conversations came to their end, %d were ended early (%v), want at least %d and none", slow.whole, early, first, clients)
			}
		})
	}
}

// A server that lets no slow client be, or tells it another thing, does not pass for one that carries them.
func TestSlowClientsEndedEarly(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"closed": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, scaleText[1:])
		},
		"refused": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, scaleText, http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			again := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 2 {
					close(again)
				}
				handler(w, r)
			}))
			defer server.Close()
			c := slowReader(server.URL)
			c.pause = time.Millisecond
			slow, err := startSlowClients(1, c)
			if err != nil {
				t.Fatal(err)
			}
			<-again
			if early, first := slow.stop(); early < 1 || first == nil || slow.whole != 0 {
				t.Errorf("%d ended early (%v), %d came to their end, want some and none", early, first, slow.whole)
			}
		})
	}
}

// An answer waits in the server for a slow reader, and not in the kernel.
func TestSlowReaderHoldsTheAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := slowReader("http://" + listener.Addr().String())
	c.pause = time.Hour
	slow, err := startSlowClients(1, c)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.stop()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(conn, scaleText); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the kernel took %d bytes (%v), want fewer than %d", n, err, len(scaleText))
	}
}
