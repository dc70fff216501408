package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/cli/watch"
	"github.com/picloud/picloud/host/client"
)

// TestCmd runs the tests of a folder.
type TestCmd struct {
	Path     string        `arg:"" default:"." help:"The folder, with a picloud.yaml, or one of its files of tests (default ${default})." complete:"files"`
	Env      string        `placeholder:"NAME" help:"Environment of picloud.yaml to test."`
	EnvFile  string        `placeholder:"FILE" help:"Values of the secrets that picloud.yaml names, as NAME=VALUE lines; .env in the folder, if it is there. Others are fakes." complete:"files"`
	Filter   string        `placeholder:"PATTERN" help:"Run only tests whose file or name matches the regular expression."`
	FailFast bool          `help:"End with the first test that fails."`
	Timeout  time.Duration `default:"10s" help:"How long a test may take (default ${default})."`
	Watch    bool          `short:"w" help:"Run the tests again whenever something in the folder changes, until the command is interrupted."`
	Coverage coverageFlag  `placeholder:"FILE" help:"Tell how many lines of each script were reached; --coverage=FILE writes them in lcov's format, too."`
	JUnit    string        `name:"junit" placeholder:"FILE" help:"Write the results in JUnit's format." complete:"files"`
	Output   string        `short:"o" enum:"table,json" default:"table" help:"Print lines for people or JSON: ${enum}."`
}

// Help is shown by --help.
func (TestCmd) Help() string {
	return `Each function fn test_…() of a file whose name ends in _test.rhai is a test: it
passes unless it throws. The app of the folder is deployed in this process, seeds
included, and each test begins with that and nothing of another. picloud help
testing has the functions of tests: assert_eq, call, fire, deliver, fake_http, …

With --output json each line is an object: {"event": "test", "file", "test",
"result", "ms", "error", "log"} for each test, then one {"event": "summary",
"passed", "failed", "ms", "coverage"}. result is ok or failed; error has message, code,
file, line and column. The exit status is 1 if a test has failed.`
}

// coverageFlag is a flag that may have a value.
type coverageFlag struct {
	on   bool
	file string // "": no file is written
}

// Decode implements [kong.MapperValue].
func (f *coverageFlag) Decode(ctx *kong.DecodeContext) error {
	f.on = true
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		f.file = ctx.Scan.Pop().String()
	}
	return nil
}

// IsBool has kong take the flag without a value.
func (coverageFlag) IsBool() bool { return true }

// errTestsFailed is what the command fails with when it has told of all failures.
var errTestsFailed = errors.New("tests have failed")

// Run is `picloud test`.
func (cmd *TestCmd) Run(ctx context.Context, notices *notices, start Starter) (err error) {
	t := &testRun{cmd: cmd, stdout: os.Stdout, dir: cmd.Path}
	if apptest.IsFile(cmd.Path) {
		t.dir, t.only = filepath.Dir(cmd.Path), cmd.Path
	}
	if t.filter, err = regexp.Compile(cmd.Filter); err != nil {
		return &usageError{fmt.Errorf("--filter: %w", err)}
	}
	if cmd.Timeout < time.Millisecond || cmd.Timeout > 5*time.Minute {
		return &usageError{fmt.Errorf("--timeout must be between 1ms and 5m, got %s", cmd.Timeout)}
	}
	if _, err := os.Stat(filepath.Join(t.dir, manifest.FileName)); err != nil {
		return &usageError{fmt.Errorf("%s cannot be tested: %w", t.dir, err)}
	}
	notices.json = cmd.Output == "json"
	var changes <-chan time.Time
	if cmd.Watch {
		var others []string
		for _, written := range []string{cmd.JUnit, cmd.Coverage.file} {
			if written != "" {
				others = append(others, written)
			}
		}
		if changes, err = watch.Folder(ctx, t.dir, others...); err != nil {
			return err
		}
	} else if _, err := t.read(); err != nil { // before a server is started for nothing
		return &usageError{err}
	}
	data, err := os.MkdirTemp("", "picloud-test-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	keepCompiled(data)
	server, err := start(ctx, LocalServer{Data: data, Addr: "127.0.0.1:0", Password: rand.Text(), Bench: true, Cover: cmd.Coverage.on})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if t.c, err = client.New(server.URL, server.Token); err != nil {
		return err
	}
	t.bench = server.Bench
	if !cmd.Watch {
		return t.round(ctx)
	}
	for {
		if err := t.round(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errTestsFailed) {
			notices.fail(err)
		}
		t.note("waiting for changes in %s until interrupted", t.dir)
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-changes:
			if !open {
				return nil
			}
		}
	}
}

// testRun is the state of `picloud test`.
type testRun struct {
	cmd    *TestCmd
	stdout io.Writer
	dir    string
	only   string // the file of tests; "": all
	filter *regexp.Regexp
	c      *client.Client
	bench  apptest.Bench
}

// A testFile is a file of tests, or why it is none.
type testFile struct {
	apptest.File
	failed *abi.ScriptError
}

// read finds the tests that are to be run. A file that does not parse is one that fails.
func (t *testRun) read() (files []testFile, err error) {
	names, found := []string{t.only}, false
	if t.only == "" {
		if names, err = testFiles(t.dir); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file := testFile{}
		if file.File, err = apptest.Read(name, string(source)); err != nil && !errors.As(err, &file.failed) {
			return nil, err
		}
		found = found || len(file.Tests) > 0
		file.Tests = slices.DeleteFunc(file.Tests, func(test apptest.Test) bool { return !t.filter.MatchString(name + " " + test.Name) })
		if len(file.Tests) > 0 || file.failed != nil {
			files = append(files, file)
		}
	}
	switch {
	case len(files) > 0:
		return files, nil
	case found:
		return nil, fmt.Errorf("there are no tests in %s that match %s", t.cmd.Path, t.cmd.Filter)
	case len(names) > 0:
		return nil, fmt.Errorf("there are no tests in %s: a test is a function fn test_…()", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("there are no tests in %s: they are in files whose names end in %s", t.cmd.Path, apptest.Suffix)
}

// testFiles are the files of tests in a folder and below, in order.
func testFiles(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && apptest.IsFile(path):
			names = append(names, path)
		}
		return nil
	})
	return names, err
}

// round deploys the folder, and runs its tests.
func (t *testRun) round(ctx context.Context) error {
	began := time.Now()
	files, err := t.read()
	if err != nil {
		return &usageError{err}
	}
	if err := t.bench.End(ctx); err != nil { // of what the tests before have left, and not of what a deploy does that fails
		return err
	}
	app, err := t.deploy(ctx)
	if err != nil {
		return err
	}
	if err := t.bench.Begin(ctx, app.Ref); err != nil {
		return err
	}
	sources := t.sources(app, files)
	var results []apptest.Result
	failures := 0
	var broken error
	for result, err := range t.results(ctx, files) {
		if broken = err; broken != nil {
			break
		}
		results = append(results, result)
		t.tell(result, sources)
		if result.Error != nil {
			if failures++; t.cmd.FailFast {
				break
			}
		}
	}
	covered := t.covered(app)
	if broken == nil {
		t.summary(len(results)-failures, failures, time.Since(began), covered)
	}
	err = errors.Join(broken, t.write(results, covered, sources)) // of what has run, too
	if err == nil && failures > 0 {
		err = errTestsFailed
	}
	return err
}

// results runs the tests.
func (t *testRun) results(ctx context.Context, files []testFile) func(yield func(apptest.Result, error) bool) {
	return func(yield func(apptest.Result, error) bool) {
		for _, file := range files {
			failed := file.failed
			if failed == nil {
				if err := t.bench.Load(ctx, file.File, t.cmd.Timeout); err != nil && !errors.As(err, &failed) {
					yield(apptest.Result{}, err)
					return
				}
			}
			if failed != nil {
				if !yield(apptest.Result{File: file.Name, Error: apptest.Failed(failed, "")}, nil) {
					return
				}
				continue
			}
			for _, test := range file.Tests {
				result, err := t.bench.Run(ctx, file.Name, test.Name)
				if err == nil {
					err = ctx.Err()
				}
				if !yield(result, err) || err != nil {
					return
				}
			}
		}
	}
}

// deploy makes the server in this process have the app of the folder.
func (t *testRun) deploy(ctx context.Context) (manifest.App, error) {
	app, err := manifest.Read(t.dir, t.cmd.Env)
	if err != nil {
		return app, &usageError{err}
	}
	app.Prune = true
	plan, err := manifest.Make(ctx, t.c, app)
	if err != nil {
		return app, err
	}
	if _, err := plan.Apply(ctx, t.c); err != nil {
		return app, err
	}
	file := t.cmd.EnvFile
	if file == "" {
		file = filepath.Join(t.dir, ".env")
	}
	values, err := secretValues(file, t.cmd.EnvFile == "", app.Secrets)
	if err != nil {
		return app, err
	}
	for _, name := range app.Secrets {
		value, there := values[name]
		switch {
		case !there:
			value = "fake-" + name
		case value == "":
			return app, &usageError{fmt.Errorf("%s has no value for the secret %s: a secret is not empty. Without the line it is fake-%s", file, name, name)}
		}
		if _, err := t.c.SetSecret(ctx, app.Ref, name, value); err != nil {
			return app, fmt.Errorf("secret %s: %w", name, err)
		}
	}
	return app, nil
}

// A source is a text that a failure may be in.
type source struct{ file, text string }

// sources are the files of tests by their names, and the scripts behind a slash.
func (t *testRun) sources(app manifest.App, files []testFile) map[string]source {
	all := map[string]source{}
	for _, f := range files {
		all[f.Name] = source{f.Name, f.Source}
	}
	for _, s := range app.Scripts {
		all["/"+s.Name] = source{s.File, s.Source}
	}
	return all
}

// placed is a failure at its place in a source.
func placed(result apptest.Result, sources map[string]source) *caret.Error {
	in := sources[result.File]
	if module := result.Error.Module; module != "" {
		in = sources["/"+module]
	}
	return &caret.Error{
		Name: in.file, Line: result.Error.Line, Column: result.Error.Column, Message: result.Error.Message,
		SourceLine: caret.Line(in.text, result.Error.Line), Code: string(result.Error.Code),
	}
}

// testEvent is what has happened, for programs.
type testEvent struct {
	Event  string    `json:"event"` // test or summary
	File   string    `json:"file,omitempty"`
	Test   string    `json:"test,omitempty"`   // absent: of the file, which cannot be run
	Result string    `json:"result,omitempty"` // ok or failed
	MS     float64   `json:"ms"`
	Error  *testFail `json:"error,omitempty"`
	Log    []testLog `json:"log,omitempty"`

	Passed   *int           `json:"passed,omitempty"`
	Failed   *int           `json:"failed,omitempty"`
	Coverage []testCoverage `json:"coverage,omitempty"`
}

type testFail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
}

type testLog struct {
	Script  string          `json:"script,omitempty"` // absent: the test
	Level   abi.LogLevel    `json:"level"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

type testCoverage struct {
	File    string `json:"file"`
	Lines   int    `json:"lines"`
	Reached int    `json:"reached"`
}

func (t *testRun) print(e testEvent) {
	encoder := json.NewEncoder(t.stdout)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(e)
}

// note tells people something.
func (t *testRun) note(format string, args ...any) {
	if t.cmd.Output != "json" {
		fmt.Fprintln(t.stdout, paint(t.stdout, faint, fmt.Sprintf(format, args...)))
	}
}

// tell tells of a result.
func (t *testRun) tell(result apptest.Result, sources map[string]source) {
	if t.cmd.Output == "json" {
		e := testEvent{Event: "test", File: result.File, Test: result.Test, Result: "ok", MS: *milliseconds(result.Took)}
		if result.Error != nil {
			at := placed(result, sources)
			e.Result, e.Error = "failed", &testFail{at.Code, at.Message, at.Name, at.Line, at.Column}
		}
		for _, l := range result.Lines {
			e.Log = append(e.Log, testLog(l))
		}
		t.print(e)
		return
	}
	name := result.File
	if result.Test != "" {
		name += " " + result.Test
	}
	took := paint(t.stdout, faint, inMilliseconds(result.Took))
	if result.Error == nil {
		fmt.Fprintf(t.stdout, "%s    %s  %s\n", paint(t.stdout, green, "ok"), name, took)
		return
	}
	fmt.Fprintf(t.stdout, "%s  %s  %s\n%s\n", paint(t.stdout, red, "FAIL"), name, took, indented(placed(result, sources).Error()))
	if len(result.Lines) > 0 {
		lines := make([]string, len(result.Lines))
		for i, l := range result.Lines {
			lines[i] = client.Printable(l.String())
		}
		fmt.Fprintf(t.stdout, "%s\n", paint(t.stdout, faint, indented("log:\n  "+strings.Join(lines, "\n  "))))
	}
}

// indented has each line of a text begin below the name of its test.
func indented(text string) string { return "      " + strings.ReplaceAll(text, "\n", "\n      ") }

// summary tells of all.
func (t *testRun) summary(passed, failed int, took time.Duration, covered []apptest.Coverage) {
	if t.cmd.Output == "json" {
		e := testEvent{Event: "summary", MS: *milliseconds(took), Passed: &passed, Failed: &failed}
		for _, c := range covered {
			e.Coverage = append(e.Coverage, testCoverage{c.File, len(c.Lines), c.Reached()})
		}
		t.print(e)
		return
	}
	if len(covered) > 0 {
		lines, reached := 0, 0
		fmt.Fprintln(t.stdout, "\nCOVERAGE")
		for _, c := range covered {
			lines, reached = lines+len(c.Lines), reached+c.Reached()
			fmt.Fprintf(t.stdout, "%5.1f %%  %s (%d of %d lines)\n", apptest.Percent(c.Reached(), len(c.Lines)), c.File, c.Reached(), len(c.Lines))
		}
		fmt.Fprintf(t.stdout, "%5.1f %%  in all (%d of %d lines)\n", apptest.Percent(reached, lines), reached, lines)
	}
	text, color := fmt.Sprintf("%d passed", passed), green
	if failed > 0 {
		text, color = text+fmt.Sprintf(", %d failed", failed), red
	}
	fmt.Fprintf(t.stdout, "\n%s in %.2f s\n", paint(t.stdout, color, text), took.Seconds())
}

// covered is what was reached of the app's scripts and modules, if that is wanted.
func (t *testRun) covered(app manifest.App) (all []apptest.Coverage) {
	if !t.cmd.Coverage.on {
		return nil
	}
	reached := t.bench.Covered()
	for _, s := range app.Scripts {
		if *s.Kind == abi.KindEndpoint || *s.Kind == abi.KindModule {
			all = append(all, apptest.Cover(s.File, s.Source, *s.Kind == abi.KindModule, reached[s.Name]))
		}
	}
	slices.SortFunc(all, func(a, b apptest.Coverage) int { return strings.Compare(a.File, b.File) })
	return all
}

// write writes the reports that are wanted as files.
func (t *testRun) write(results []apptest.Result, covered []apptest.Coverage, sources map[string]source) error {
	if t.cmd.JUnit != "" {
		err := writeReport(t.cmd.JUnit, func(w io.Writer) error {
			return apptest.JUnit(w, results, func(r apptest.Result) string { return placed(r, sources).Error() })
		})
		if err != nil {
			return err
		}
	}
	if t.cmd.Coverage.file == "" {
		return nil
	}
	return writeReport(t.cmd.Coverage.file, func(w io.Writer) error { return apptest.LCOV(w, covered) })
}

func writeReport(name string, write func(io.Writer) error) error {
	return replaceFile(name, 0o644, write)
}
