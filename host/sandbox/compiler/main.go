package compiler

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Arguments are what a process that compiles is told on its command line, as the flags --dir, --cpu
// and --memory-mb.
type Arguments struct {
	Dir    string // that the code goes to, as wazero's compilation cache
	Bounds Bounds
}

// watchEvery is how often a process looks at what it has taken.
const watchEvery = 10 * time.Millisecond

// Main is the other process: it reads a module from in, compiles it and writes a report to out. It
// ends itself when that takes more than it may, or when in is closed. The process must do nothing
// else.
//
// On Linux the system ends it, too, should it not be able to do so itself: bounds on processor time,
// memory and files are set for it. Elsewhere there are none but its own.
func Main(a Arguments, in io.Reader, out io.Writer) error {
	var once sync.Once // the first report counts
	write := func(r report) (err error) {
		once.Do(func() { err = json.NewEncoder(out).Encode(r) })
		return err
	}
	confine(a.Bounds)
	memory := a.Bounds.MemoryMB << 20
	debug.SetMemoryLimit(memory - memory/8)
	reader := bufio.NewReader(in)
	module, err := readModule(reader)
	if err != nil {
		return write(report{Failed: err.Error()})
	}
	go func() { // they are gone, and so is the reader of the report
		_, _ = io.Copy(io.Discard, reader)
		os.Exit(1)
	}()
	go func() {
		for range time.Tick(watchEvery) {
			if used := cpuTime(); used > a.Bounds.CPU {
				_ = write(report{CPU: used})
				os.Exit(1)
			}
			if used := memoryUsed(); used > memory {
				_ = write(report{Memory: used})
				os.Exit(1)
			}
		}
	}()
	var invalid *InvalidError
	switch err := compile(context.Background(), a.Dir, module); {
	case errors.As(err, &invalid):
		return write(report{Invalid: invalid.Reason})
	case err != nil:
		return write(report{Failed: err.Error()})
	}
	return write(report{Done: true})
}

// readModule reads a module, before which its size stands in a line.
func readModule(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read the size of a module: %w", err)
	}
	size, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || size < 0 {
		return nil, fmt.Errorf("a module of %q bytes", line)
	}
	module := make([]byte, size)
	if _, err := io.ReadFull(r, module); err != nil {
		return nil, fmt.Errorf("read a module: %w", err)
	}
	return module, nil
}

// memoryUsed is what Go has of the system and has not given back, bytes.
func memoryUsed() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
