// Package process runs the servers that the benchmark measures: it starts them on loopback, reads
// the memory they hold, and stops them.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// AdminPassword is the password of the first admin of every PiCloud started here.
const AdminPassword = "only-for-the-benchmark"

// A Process is a server that answers requests.
type Process struct {
	Address string        // its URL, without a path
	Started time.Duration // from starting the process to its first answer
	command *exec.Cmd
	exited  chan error
}

// PiCloud starts a PiCloud server on a data directory, new or used. The settings are variables of
// its environment, "PICLOUD_NAME=value"; what it logs goes to log.
func PiCloud(ctx context.Context, binary, data string, log io.Writer, settings ...string) (*Process, error) {
	return Start(ctx, "/hello", log, func(addr string) *exec.Cmd {
		c := exec.Command(binary, "serve", "--addr", addr, "--data", data)
		c.Env = append(os.Environ(), "PICLOUD_ADMIN_PASSWORD="+AdminPassword)
		c.Env = append(c.Env, settings...)
		return c
	})
}

// Start runs the command made for a free address, host:port, and waits until it answers 200 on
// path.
func Start(ctx context.Context, path string, log io.Writer, command func(addr string) *exec.Cmd) (*Process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &Process{Address: "http://" + addr, command: command(addr), exited: make(chan error, 1)}
	p.command.Stderr = log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // leave nothing behind
	began := time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.command.Wait() }()
	if err := p.awaitAnswer(ctx, p.Address+path, began); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Process) awaitAnswer(ctx context.Context, url string, began time.Time) error {
	const patience = 60 * time.Second // a first start compiles the guest
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		status, _, err := fasthttp.GetTimeout(nil, url, patience)
		if err == nil && status == fasthttp.StatusOK {
			p.Started = time.Since(began)
			return nil
		}
		if time.Since(began) > patience {
			return errors.Join(fmt.Errorf("%s: no answer within %v: status %d", url, patience, status), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-p.exited:
			p.exited <- err
			return fmt.Errorf("%s ended before it answered: %w", filepath.Base(p.command.Path), err)
		case <-poll.C:
		}
	}
}

// ID returns the process's number.
func (p *Process) ID() int { return p.command.Process.Pid }

// ResidentMiB returns the memory the process holds now.
func (p *Process) ResidentMiB() (float64, error) {
	text := ProcField(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid), "VmRSS")
	var kB float64
	if _, err := fmt.Sscanf(text, "%f kB", &kB); err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %q", p.command.Process.Pid, text)
	}
	return kB / 1024, nil
}

// ProcessorTime returns how long processors have worked for the process, in its own code and in the
// kernel, to a hundredth of a second.
func (p *Process) ProcessorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// Of the fields behind the name, which is in brackets, the 12th and the 13th.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const tick = 10 * time.Millisecond // what Linux tells programs, on whatever machine
	var own, kernel int64
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the processor time of process %d: %q", p.command.Process.Pid, text)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &own, &kernel); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", p.command.Process.Pid, err)
	}
	return time.Duration(own+kernel) * tick, nil
}

// Stop ends the process in good order. After 20 s it kills it, which is an error.
func (p *Process) Stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	const patience = 20 * time.Second
	select {
	case err := <-p.exited:
		var status *exec.ExitError
		if errors.As(err, &status) && status.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
			return nil // most peers have no shutdown of their own
		}
		return err
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("the server did not stop within %v", patience), p.command.Process.Kill(), <-p.exited)
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

// ProcField returns the value of a line "name: value" in a file of /proc, "" if there is none.
func ProcField(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
