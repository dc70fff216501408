package compiler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A report is what a process says when it has ended, on its standard output, as JSON.
type report struct {
	Done    bool   `json:"done,omitempty"`
	Invalid string `json:"invalid,omitempty"` // what is wrong with the module
	Failed  string `json:"failed,omitempty"`  // what is wrong with us

	// CPU and Memory are what it took when it ended itself because that was too much.
	CPU    time.Duration `json:"cpu,omitempty"`
	Memory int64         `json:"memory,omitempty"` // bytes
}

// maxReport bounds what is read of a process, bytes.
const maxReport = 64 << 10

// another has another process compile a module, and leave the code in a directory.
func (c *Compiler) another(dir string, module []byte) error {
	ctx, cancel := context.WithTimeout(c.ctx, longestRun(c.bounds))
	defer cancel()
	command := exec.CommandContext(ctx, c.command[0], append(c.command[1:len(c.command):len(c.command)],
		"--dir", dir, "--cpu", c.bounds.CPU.String(), "--memory-mb", strconv.FormatInt(c.bounds.MemoryMB, 10))...)
	command.Env = []string{} // settings, secrets among them, are none of its business
	command.SysProcAttr = ofItsOwnGroup()
	command.WaitDelay = time.Second
	// Its standard input stays open until it has ended: were we gone, it would end, too.
	input, err := command.StdinPipe()
	if err != nil {
		return fmt.Errorf("start a process to compile in: %w", err)
	}
	stdout, stderr := &limitedBuffer{most: maxReport}, &limitedBuffer{most: maxReport}
	command.Stdout, command.Stderr = stdout, stderr
	if err := command.Start(); err != nil {
		_ = input.Close()
		if c.ctx.Err() != nil { // we stop
			return ErrBusy
		}
		for _, full := range []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
			if errors.Is(err, full) {
				c.logger.Warn("compiler: no process can be started", "error", err)
				return ErrBusy
			}
		}
		return fmt.Errorf("start a process to compile in: %w", err)
	}
	go func() { _, _ = input.Write(append([]byte(strconv.Itoa(len(module))+"\n"), module...)) }() // until it is read, or the process has ended
	ended := command.Wait()
	return c.judge(command.ProcessState, ended, stdout.kept, string(stderr.kept))
}

// judge says what the end of a process means.
func (c *Compiler) judge(state *os.ProcessState, ended error, stdout []byte, stderr string) error {
	var r report
	if err := json.Unmarshal(stdout, &r); err == nil {
		switch {
		case r.Done:
			return nil
		case r.Invalid != "":
			return &InvalidError{r.Invalid}
		case r.CPU > 0:
			return c.costsCPU(r.CPU)
		case r.Memory > 0:
			return c.costsMemory(r.Memory)
		}
		return fmt.Errorf("a process that compiles: %s", r.Failed)
	}
	used := state.UserTime() + state.SystemTime()
	switch {
	case c.ctx.Err() != nil: // we stop
		return context.Cause(c.ctx)
	case used >= c.bounds.CPU: // it was ended before it could say so
		return c.costsCPU(used)
	case strings.Contains(stderr, "out of memory") || strings.Contains(stderr, "cannot allocate memory"):
		return c.costsMemory(c.bounds.MemoryMB << 20)
	case errors.Is(ended, context.DeadlineExceeded):
		c.logger.Warn("compiler: a process did not get the processor time it may take", "used", used, "bound", c.bounds.CPU)
		return ErrBusy
	}
	c.logger.Error("compiler: a process failed", "error", ended, "stderr", stderr)
	if state.Exited() { // a defect that the module has found, which another attempt finds again
		return &InvalidError{"the compiler fails"}
	}
	return ErrBusy // ended from outside, perhaps for the machine's memory
}

func (c *Compiler) costsCPU(used time.Duration) error {
	return &CostError{"processor time", used.Round(time.Millisecond).String(), c.bounds.CPU.String()}
}

func (c *Compiler) costsMemory(used int64) error {
	return &CostError{"memory", fmt.Sprintf("%d MiB", used>>20), fmt.Sprintf("%d MiB", c.bounds.MemoryMB)}
}

// A limitedBuffer keeps the beginning of what is written to it. It is no [bytes.Buffer], because
// that reads all there is to read.
type limitedBuffer struct {
	kept []byte
	most int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), b.most-len(b.kept))]...)
	return len(p), nil
}
