package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/peterh/liner"

	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

type runCmd struct {
	File string `arg:"" help:"The script; - for standard input."`
}

func (c *runCmd) Run() error {
	source, err := read(c.File)
	if err != nil {
		return err
	}
	return run(source)
}

func read(file string) (string, error) {
	if file == "-" {
		b, err := io.ReadAll(os.Stdin)
		return string(b), err
	}
	b, err := os.ReadFile(file)
	return string(b), err
}

// run runs a script and prints its value unless that is ().
func run(source string) error {
	p, err := rhai.Compile(source)
	if err != nil {
		return describe(source, err)
	}
	t := vm.NewThread(p, console{time.Now()}, conformance.Limits, nil, uint64(time.Now().UnixNano()))
	rhai.Prepare(t)
	v, err := t.Run()
	if err != nil {
		return describe(source, err)
	}
	if !v.IsUnit() {
		fmt.Println(vm.Debug(v))
	}
	return nil
}

type replCmd struct {
	History string `help:"Where the lines typed are kept; none when empty." default:"${home}/.rhai_history" type:"path"`
}

func (c *replCmd) Run() error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	if f, err := os.Open(c.History); err == nil {
		line.ReadHistory(f)
		f.Close()
	}
	defer func() {
		if f, err := os.OpenFile(c.History, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			line.WriteHistory(f)
			f.Close()
		}
	}()
	// Each entry runs after all those before it, whose definitions it so sees; what they
	// printed is not printed again.
	var before []string
	text := ""
	for {
		prompt := "rhai> "
		if text != "" {
			prompt = "    > "
		}
		entry, err := line.Prompt(prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			text = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Println()
			return nil
		case err != nil:
			return err
		}
		text += entry + "\n"
		if strings.TrimSpace(text) == "" {
			text = ""
			continue
		}
		if rhai.Incomplete(text) {
			continue
		}
		line.AppendHistory(strings.TrimSpace(text))
		if evaluate(before, text) {
			before = append(before, strings.TrimSpace(text))
		}
		text = ""
	}
}

// evaluate runs an entry after those before it and shows what is new.
func evaluate(before []string, entry string) bool {
	prefix := ""
	for _, b := range before {
		prefix += b + ";\n"
	}
	quiet := &conformance.Recorder{}
	if prefix != "" {
		if p, err := rhai.Compile(prefix); err == nil {
			t := vm.NewThread(p, quiet, conformance.Limits, nil, 1)
			rhai.Prepare(t)
			t.Run()
		}
	}
	source := prefix + entry
	p, err := rhai.Compile(source)
	if err != nil {
		fmt.Println(describe(source, err))
		return false
	}
	all := &conformance.Recorder{}
	t := vm.NewThread(p, all, conformance.Limits, nil, 1)
	rhai.Prepare(t)
	v, err := t.Run()
	for _, l := range all.Lines[min(len(quiet.Lines), len(all.Lines)):] {
		fmt.Println(l)
	}
	if err != nil {
		fmt.Println(describe(source, err))
		return false
	}
	if !v.IsUnit() {
		fmt.Println(vm.Debug(v))
	}
	return true
}

type disasmCmd struct {
	File string `arg:"" help:"The script; - for standard input."`
}

func (c *disasmCmd) Run() error {
	source, err := read(c.File)
	if err != nil {
		return err
	}
	p, verr := rhai.Compile(source)
	if verr != nil {
		return describe(source, verr)
	}
	return vm.Disassemble(os.Stdout, p)
}

type batchCmd struct {
	Sandbox bool   `help:"Run each script in the sandbox."`
	File    string `arg:"" help:"A file of {\"id\", \"script\", \"modules\"} objects, one a line."`
}

func (c *batchCmd) Run() error {
	ctx := context.Background()
	e, err := newEngine(ctx, c.Sandbox)
	if err != nil {
		return err
	}
	defer e.close()
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var in struct {
			ID      string            `json:"id"`
			Script  string            `json:"script"`
			Modules map[string]string `json:"modules"`
		}
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			return fmt.Errorf("%s:%d: %w", filepath.Base(c.File), n, err)
		}
		line, err := json.Marshal(struct {
			ID string `json:"id"`
			conformance.Outcome
		}{in.ID, e.outcome(ctx, in.Script, in.Modules)})
		if err != nil {
			return err
		}
		out.Write(append(line, '\n'))
	}
	return lines.Err()
}

type benchCmd struct {
	Sandbox bool   `help:"Run the script in the sandbox."`
	Runs    int    `help:"How often; the shortest counts." default:"5"`
	File    string `arg:"" help:"The script."`
}

func (c *benchCmd) Run() error {
	ctx := context.Background()
	source, err := read(c.File)
	if err != nil {
		return err
	}
	e, err := newEngine(ctx, c.Sandbox)
	if err != nil {
		return err
	}
	defer e.close()
	compile, eval, err := e.measure(ctx, source, max(c.Runs, 1))
	if err != nil {
		return err
	}
	ms := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"compile_ms": ms(compile), "eval_ms": ms(eval), "all_ms": ms(compile + eval),
	})
}
