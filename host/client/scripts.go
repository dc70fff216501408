package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime/multipart"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Scripts lists an app's scripts, without their sources, in the order of their names.
func (c *Client) Scripts(ctx context.Context, app string) iter.Seq2[wire.Script, error] {
	return list[wire.Script](ctx, c, "apps", app, "scripts")
}

// Script returns the script with an id.
func (c *Client) Script(ctx context.Context, id string) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodGet, []string{"scripts", id}, nil, nil)
}

// CreateScript makes a script in an app, named by id or slug.
func (c *Client) CreateScript(ctx context.Context, app string, script wire.ScriptCreate) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodPost, []string{"apps", app, "scripts"}, nil, script)
}

// UpdateScript changes a script, which makes a new version of it.
func (c *Client) UpdateScript(ctx context.Context, id string, change wire.ScriptUpdate) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodPut, []string{"scripts", id}, nil, change)
}

// CreatePlugin makes a plugin of a WebAssembly module, which is sent as it is read. The kind and
// source of the script are not sent: the module stands for them.
func (c *Client) CreatePlugin(ctx context.Context, app string, plugin wire.ScriptCreate, module io.Reader) (wire.Script, error) {
	return c.sendModule(ctx, http.MethodPost, []string{"apps", app, "scripts"}, plugin, module)
}

// UpdatePlugin replaces the module of a plugin and changes its other fields, which makes a new
// version of it.
func (c *Client) UpdatePlugin(ctx context.Context, id string, change wire.ScriptUpdate, module io.Reader) (wire.Script, error) {
	return c.sendModule(ctx, http.MethodPut, []string{"scripts", id}, change, module)
}

// sendModule sends a module in a form, after the fields that a script would have in JSON.
func (c *Client) sendModule(ctx context.Context, method string, path []string, fields any, module io.Reader) (script wire.Script, err error) {
	var around bytes.Buffer // what comes before and after the module
	form := multipart.NewWriter(&around)
	if err := writeFields(form, fields); err != nil {
		return script, fmt.Errorf("encode request: %w", err)
	}
	_, _ = form.CreateFormFile("file", "plugin.wasm") // a buffer takes everything
	before := around.Len()
	_ = form.Close()
	body := io.MultiReader(bytes.NewReader(around.Bytes()[:before]), module, bytes.NewReader(around.Bytes()[before:]))
	resp, err := c.send(ctx, c.transfers, method, path, nil, http.Header{"Content-Type": {form.FormDataContentType()}}, body)
	if err != nil {
		return script, err
	}
	return script, c.receive(resp, &script)
}

// writeFields writes the fields of a struct that is sent as JSON elsewhere, without those that a
// plugin does not have: texts as they are, anything else as JSON.
func writeFields(form *multipart.Writer, fields any) error {
	encoded, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return err
	}
	delete(values, "kind")
	delete(values, "source")
	for name, value := range values {
		text, ok := value.(string)
		if !ok {
			encoded, err := json.Marshal(value)
			if err != nil {
				return err
			}
			text = string(encoded)
		}
		if err := form.WriteField(name, text); err != nil {
			return err
		}
	}
	return nil
}

// DownloadModule returns the WebAssembly module of a plugin, to be read and closed by the caller. A
// transfer that breaks off is an error of the last read.
func (c *Client) DownloadModule(ctx context.Context, id string) (io.ReadCloser, error) {
	return c.download(ctx, nil, "scripts", id, "wasm")
}

// ScriptDeletion tells what deleting a script would delete.
func (c *Client) ScriptDeletion(ctx context.Context, id string) (wire.ScriptDeletion, error) {
	return call[wire.ScriptDeletion](ctx, c, http.MethodGet, []string{"scripts", id + ":deletion"}, nil, nil)
}

// DeleteScript removes a script with its routes, executions and log.
func (c *Client) DeleteScript(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"scripts", id}, nil, nil, nil)
}

// ValidateScript compiles a script, or what is to take its place, without storing or running
// anything.
func (c *Client) ValidateScript(ctx context.Context, id string, instead wire.Validate) (wire.Validation, error) {
	return call[wire.Validation](ctx, c, http.MethodPost, []string{"scripts", id, "validate"}, nil, instead)
}

// ValidateSource compiles a source that need not be a script of an app, with the app's modules, without
// storing or running anything.
func (c *Client) ValidateSource(ctx context.Context, app string, source wire.ValidateNew) (wire.Validation, error) {
	return call[wire.Validation](ctx, c, http.MethodPost, []string{"apps", app, "scripts:validate"}, nil, source)
}

// ScriptCases returns what a script is tried with, and what should come of it.
func (c *Client) ScriptCases(ctx context.Context, scriptID string) (wire.ScriptCases, error) {
	return call[wire.ScriptCases](ctx, c, http.MethodGet, []string{"scripts", scriptID, "cases"}, nil, nil)
}

// SetScriptCases replaces what a script is tried with, if it is at the version that set names, or that names none.
func (c *Client) SetScriptCases(ctx context.Context, scriptID string, set wire.ScriptCasesSet) (wire.ScriptCases, error) {
	return call[wire.ScriptCases](ctx, c, http.MethodPut, []string{"scripts", scriptID, "cases"}, nil, set)
}

// Run runs a script once, with a request or event that the caller makes up.
func (c *Client) Run(ctx context.Context, id string, run wire.RunRequest) (wire.RunResult, error) {
	return call[wire.RunResult](ctx, c, http.MethodPost, []string{"scripts", id, "run"}, nil, run)
}
