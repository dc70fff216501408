package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/client"
)

// maxData is the most bytes of a request body that a server takes by default.
const maxData = 10 << 20

// InvokeCmd runs a script once, with a request made up on the command line.
type InvokeCmd struct {
	Remote
	InApp
	ScriptArg
	Method string            `short:"X" help:"Method of the request; POST with --data, else GET."`
	Path   string            `default:"/" help:"Path of the request."`
	Data   string            `short:"d" help:"Body of the request; @FILE reads a file, - standard input. JSON is sent as such, unless a content-type header says otherwise."`
	Header []string          `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"Header of the request; may be repeated."`
	Param  map[string]string `placeholder:"NAME=VALUE" help:"Path parameter, as a route with :NAME would set it; may be repeated."`
	Query  map[string]string `placeholder:"NAME=VALUE" help:"Query parameter; may be repeated."`
	Event  string            `xor:"cause" help:"Run the script as triggered by this event (a JSON object) instead."`
	Trace  bool              `help:"Tell what the script asks the host for, on standard error, and keep it with the execution."`
}

// Run is `picloud invoke`. The response goes to standard output, the log of the execution to
// standard error.
func (cmd *InvokeCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp, script wire.Script) error {
	run, err := cmd.request(r.stdin)
	if err != nil {
		return &usageError{err}
	}
	run.Trace = cmd.Trace
	result, err := c.Run(ctx, script.ID, run)
	if err != nil {
		return err
	}
	if r.Output == "json" {
		if err := r.printJSON(result); err != nil {
			return err
		}
	} else {
		for _, line := range result.Logs {
			if result.Error != nil && line.Level == abi.LogError && line.Message == result.Error.Message {
				continue // told at the end, with its place
			}
			fmt.Fprintln(r.stderr, formatLine(r.stderr, line))
		}
		if cmd.Trace && result.Trace != nil {
			if err := printTrace(r, r.stderr, result.Trace); err != nil {
				return err
			}
		}
		ran := ""
		if result.ScriptVersion > 0 {
			ran = fmt.Sprintf("version %d, ", result.ScriptVersion)
		}
		fmt.Fprintf(r.stdout, "%d  (%s%v, %s)\n",
			result.Status, ran, time.Duration(result.DurationUS)*time.Microsecond, plural(result.Operations, "operation"))
		if result.Error == nil {
			if err := writeBody(r.stdout, result); err != nil {
				return err
			}
		}
	}
	if result.Error == nil {
		return nil
	}
	script.Version = result.ScriptVersion
	return place(ctx, c, in.App, script, result.Error)
}

// place shows where an execution failed: inside the function, rather than at the call that led
// there. The source is that of the script's version, of a module the newest one.
func place(ctx context.Context, c *client.Client, app string, script wire.Script, failed *abi.ScriptError) *caret.Error {
	e := &caret.Error{Name: script.Name, Line: failed.Line, Column: failed.Column, Message: failed.Message, Code: string(failed.Code)}
	if failed.Inside != nil {
		e.Line, e.Column = failed.Inside.Line, failed.Inside.Column
		if module := failed.Inside.Module; module != "" {
			e.Name = module
			found, err := findScript(ctx, c, app, module)
			if err != nil {
				return e
			}
			script = found
		}
	}
	if e.Line == 0 {
		return e
	}
	if ran, err := c.ScriptVersion(ctx, script.ID, script.Version); err == nil {
		e.SourceLine = caret.Line(ran.Source, e.Line)
	}
	return e
}

// request builds what the script is to see.
func (cmd *InvokeCmd) request(stdin io.Reader) (wire.RunRequest, error) {
	if cmd.Event != "" {
		if cmd.Data != "" || cmd.Method != "" || len(cmd.Header)+len(cmd.Param)+len(cmd.Query) > 0 {
			return wire.RunRequest{}, errors.New("--event replaces the request: it cannot be combined with its parts")
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(cmd.Event), &event); err != nil {
			return wire.RunRequest{}, fmt.Errorf("--event must be a JSON object: %w", err)
		}
		return wire.RunRequest{Event: json.RawMessage(cmd.Event)}, nil
	}
	request := &wire.Request{
		Method: strings.ToUpper(cmd.Method), Path: cmd.Path,
		Headers: map[string]string{}, Params: cmd.Param, Query: cmd.Query,
	}
	for _, header := range cmd.Header {
		name, value, found := strings.Cut(header, ":")
		if !found || strings.TrimSpace(name) == "" {
			return wire.RunRequest{}, fmt.Errorf("--header must be NAME: VALUE, got %q", header)
		}
		request.Headers[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	if request.Method == "" {
		request.Method = "GET"
		if cmd.Data != "" {
			request.Method = "POST"
		}
	}
	if cmd.Data == "" {
		return wire.RunRequest{Request: request}, nil
	}
	data, err := readData(cmd.Data, stdin)
	if err != nil {
		return wire.RunRequest{}, fmt.Errorf("--data: %w", err)
	}
	if request.Headers["content-type"] == "" {
		request.Headers["content-type"] = contentType(data)
	}
	request.Body, err = encodeBody(data)
	return wire.RunRequest{Request: request}, err
}

// readData reads an argument: itself, or @ and where it is. "-" is standard input, as it is everywhere.
func readData(data string, stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(data, "@")
	if !isFile && data != "-" {
		return []byte(data), nil
	}
	source := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	content, err := io.ReadAll(io.LimitReader(source, maxData+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxData {
		return nil, fmt.Errorf("larger than %d bytes", maxData)
	}
	return content, nil
}

func contentType(data []byte) string {
	switch {
	case json.Valid(data):
		return "application/json"
	case utf8.Valid(data):
		return "text/plain; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}

// encodeBody writes bytes the way a test run takes a body: a string, or a blob when they are not
// UTF-8.
func encodeBody(data []byte) (json.RawMessage, error) {
	if utf8.Valid(data) {
		return json.Marshal(string(data))
	}
	return json.Marshal(blob{data})
}

// blob is binary content inside JSON.
type blob struct {
	Base64 []byte `json:"$blob"`
}

// writeBody prints the body of a response as its caller would have got it; to a terminal without
// what could steer it.
func writeBody(w io.Writer, result wire.RunResult) error {
	var body []byte
	var text string
	var binary blob
	mediaType := result.Headers["content-type"]
	switch {
	case len(result.Body) == 0 || string(result.Body) == "null" && !strings.Contains(mediaType, "json"):
		return nil
	case strings.Contains(mediaType, "json"):
		body = append([]byte(result.Body), '\n')
	case json.Unmarshal(result.Body, &text) == nil:
		body = []byte(strings.TrimSuffix(text, "\n") + "\n")
	case json.Unmarshal(result.Body, &binary) == nil && terminal(w):
		body = fmt.Appendf(nil, "(%s of %s)\n", plural(len(binary.Base64), "byte"), mediaType)
	case json.Unmarshal(result.Body, &binary) == nil:
		body = binary.Base64
	default:
		body = append([]byte(result.Body), '\n')
	}
	if terminal(w) {
		body = []byte(client.Printable(string(body)))
	}
	_, err := w.Write(body)
	return err
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
