package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// oracle is the real engine, running beside us without its optimizer.
type oracle struct {
	path    string
	process *exec.Cmd
	in      io.WriteCloser
	answers chan conformance.Outcome
}

// What the real engine may use for one program.
const (
	oracleOperations = 300_000
	oracleTime       = 20 * time.Second
	oracleMemory     = 2 << 20 // KiB
)

func startOracle(path string) (*oracle, error) {
	o := &oracle{path: path}
	return o, o.start()
}

func (o *oracle) start() error {
	// A program that runs away with memory ends the worker only.
	o.process = exec.Command("sh", "-c", fmt.Sprintf(`ulimit -v %d; ulimit -c 0; exec "$0" --opt none --batch-worker`, oracleMemory), o.path)
	var err error
	if o.in, err = o.process.StdinPipe(); err != nil {
		return err
	}
	out, err := o.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := o.process.Start(); err != nil {
		return err
	}
	answers := make(chan conformance.Outcome)
	o.answers = answers
	go func() {
		defer close(answers)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var a conformance.Outcome
			if json.Unmarshal(line, &a) != nil {
				return
			}
			answers <- a
		}
	}()
	return nil
}

// errCrash is a program that the real engine does not survive.
var errCrash = errors.New("the oracle crashed or did not answer in time")

// run returns the real engine's outcome of a script, which may import modules.
func (o *oracle) run(script string, modules map[string]string) (conformance.Outcome, error) {
	job, err := json.Marshal(map[string]any{"id": 0, "script": script, "modules": modules, "max_ops": oracleOperations})
	if err != nil {
		return conformance.Outcome{}, err
	}
	if _, err := o.in.Write(append(job, '\n')); err == nil {
		timer := time.NewTimer(oracleTime)
		defer timer.Stop()
		select {
		case a, ok := <-o.answers:
			if ok {
				return a, nil
			}
		case <-timer.C:
		}
	}
	o.stop()
	if err := o.start(); err != nil {
		return conformance.Outcome{}, err
	}
	return conformance.Outcome{}, errCrash
}

func (o *oracle) stop() {
	o.in.Close()
	o.process.Process.Kill()
	for range o.answers {
	}
	o.process.Wait()
}
