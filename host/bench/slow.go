package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// slowPiece is how much a slow client sends or reads at a time, a second: twice what PiCloud asks of
// its clients, so that it carries them as the peers do.
const slowPiece = 2 << 10

// A slowClient is what each of many does: one conversation after another, each on a connection of
// its own, a piece at a time.
type slowClient struct {
	address string // of the server, as URL
	request string // the beginning of a conversation
	send    string // follows a piece at a time
	want    string // ends the answer, which is read a piece at a time
	pause   time.Duration
}

// slowSender sends a body slowly.
func slowSender(address string) slowClient {
	const head = "POST /take HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
	return slowClient{address: address, request: fmt.Sprintf(head, scaleBody), send: scaleText[:scaleBody], want: strconv.Itoa(scaleBody), pause: time.Second}
}

// slowReader reads an answer slowly.
func slowReader(address string) slowClient {
	const head = "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	return slowClient{address: address, request: fmt.Sprintf(head, givePath(slowAnswer)), want: scaleText, pause: time.Second}
}

// slowConnections are many slow clients at work.
type slowConnections struct {
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu    sync.Mutex
	whole int   // conversations that came to their end
	early int   // those that the server ended before
	first error // of them
}

// startSlowClients returns when n clients have sent their first request.
func startSlowClients(n int, client slowClient) (*slowConnections, error) {
	ctx, cancel := context.WithCancel(context.Background())
	slow := &slowConnections{cancel: cancel}
	for range n {
		conn, err := client.dial(ctx)
		if err != nil {
			slow.stop()
			return nil, err
		}
		slow.working.Go(func() { slow.work(ctx, client, conn) })
	}
	return slow, nil
}

// stop ends the clients. It returns how many conversations the server has ended early, and what the
// first of them was told.
func (s *slowConnections) stop() (early int, first error) {
	s.cancel()
	s.working.Wait()
	return s.early, s.first
}

// work has conversations, the first on a connection, until the context ends.
func (s *slowConnections) work(ctx context.Context, client slowClient, conn net.Conn) {
	for {
		end := context.AfterFunc(ctx, func() { _ = conn.Close() })
		err := client.talk(ctx, conn)
		end()
		_ = conn.Close()
		if ctx.Err() != nil {
			return
		}
		s.count(err)
		for {
			if conn, err = client.dial(ctx); err == nil {
				break
			}
			if !client.wait(ctx, client.pause) {
				return
			}
			s.count(err)
		}
	}
}

func (s *slowConnections) count(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.whole++
		return
	}
	s.early++
	if s.first == nil {
		s.first = err
	}
}

// dial connects and sends the request. The connection has segments of an Ethernet and a small window,
// without which loopback takes an answer whole before anybody reads it.
func (c slowClient) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) {
			err = errors.Join(syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1460),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10))
		})
		return errors.Join(failed, err)
	}}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(c.address, "http://"))
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, c.request); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// talk goes on with a conversation to its end. An error says that it did not come to it.
func (c slowClient) talk(ctx context.Context, conn net.Conn) error {
	pause := time.Duration(rand.Int64N(int64(c.pause))) // clients do not move in step
	for sent := 0; sent < len(c.send); sent += slowPiece {
		if !c.wait(ctx, pause) {
			return ctx.Err()
		}
		pause = c.pause
		if _, err := io.WriteString(conn, c.send[sent:min(sent+slowPiece, len(c.send))]); err != nil {
			return fmt.Errorf("after %d bytes sent: %w", sent, err)
		}
	}
	var answer bytes.Buffer
	for {
		if !c.wait(ctx, pause) {
			return ctx.Err()
		}
		pause = c.pause
		_, err := io.CopyN(&answer, conn, slowPiece)
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("after %d bytes of the answer: %w", answer.Len(), err)
		}
		return c.check(&answer)
	}
}

// check tells how an answer that has ended is not the one wanted.
func (c slowClient) check(answer io.Reader) error {
	response, err := http.ReadResponse(bufio.NewReader(answer), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || string(body) != c.want {
		return errors.Join(err, fmt.Errorf("answered %d, %d bytes: %q", response.StatusCode, len(body), shortened(body)))
	}
	return nil
}

// wait reports whether the context lasts for a while.
func (slowClient) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
