package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// A server is a process under measurement that answers GET /hello.
type server struct {
	process *exec.Cmd
	url     string        // of the hello route
	started time.Duration // from starting the process to its first answer
	exited  chan error
}

// startPiCloud starts the server on a data directory, new or used.
func startPiCloud(ctx context.Context, s settings, data string) (*server, error) {
	path, err := filepath.Abs(filepath.Join(s.root, serverBinary))
	if err != nil {
		return nil, err
	}
	return start(ctx, func(addr string) *exec.Cmd {
		c := exec.Command(path, "serve", "--addr", addr, "--data", data)
		c.Env = append(os.Environ(), "PICLOUD_ADMIN_PASSWORD=only-for-the-benchmark", "PICLOUD_LOG_LEVEL=warn",
			// The gate refuses rather than queues: let every connection in.
			fmt.Sprintf("PICLOUD_MAX_CONCURRENT_EXECUTIONS=%d", slices.Max(connectionCounts)))
		return c
	})
}

// startBareFiber starts this program again as the peer, with the answer that
// PiCloud's hello route gave.
func startBareFiber(ctx context.Context, contentType, body string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, func(addr string) *exec.Cmd {
		return exec.Command(self, bareFiberCommand, addr, contentType, body)
	})
}

// start runs what the function makes for a free address and waits for the first
// answer.
func start(ctx context.Context, program func(addr string) *exec.Cmd) (*server, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{process: program(addr), url: "http://" + addr + "/hello", exited: make(chan error, 1)}
	s.process.Stderr = os.Stderr
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // leave nothing behind
	began := time.Now()
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.process.Wait() }()
	if err := s.awaitAnswer(ctx, began); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// awaitAnswer asks until the route answers 200.
func (s *server) awaitAnswer(ctx context.Context, began time.Time) error {
	const patience = 60 * time.Second // a first start compiles the guest
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		status, _, err := fasthttp.GetTimeout(nil, s.url, patience)
		if err == nil && status == fasthttp.StatusOK {
			s.started = time.Since(began)
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s: no answer within %v: status %d, %w", s.url, patience, status, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("%s ended before it answered: %w", filepath.Base(s.process.Path), err)
		case <-poll.C:
		}
	}
}

// residentMB is the memory the process holds now, MiB.
func (s *server) residentMB() (float64, error) {
	text := procField(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid), "VmRSS")
	var kB float64
	if _, err := fmt.Sscanf(text, "%f kB", &kB); err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %q", s.process.Process.Pid, text)
	}
	return kB / 1024, nil
}

// stop ends the process in good order, or kills it after a while.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.exited:
		var status *exec.ExitError
		if errors.As(err, &status) && status.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
			return nil // the peer has no shutdown of its own
		}
		return err
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the server did not stop within 20 s"), s.process.Process.Kill(), <-s.exited)
	}
}

// freeAddress finds a loopback address that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
