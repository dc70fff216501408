package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/routing"
)

func (a *API) mountRun(admin huma.API) {
	operation(a, admin, http.MethodPost, "/scripts/{id}/run", "run-script", "Run a script with a request or an event and see everything", http.StatusOK, a.runScript)
}

func (a *API) runScript(ctx context.Context, in *struct {
	ScriptPath
	Body wire.RunRequest
}) (*body[wire.RunResult], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptExecute)
	if err != nil {
		return nil, err
	}
	if err := a.need(ctx, script.AppID, "script", authz.ScriptRead); err != nil {
		return nil, err
	}
	capabilities, err := a.authority.Execution(ctx, caller(ctx), script.AppID)
	if err != nil {
		return nil, err
	}
	invocation := executions.Invocation{ScriptID: script.ID, Type: abi.InvocationExecute, RequestID: front.RequestIDOf(ctx), Capabilities: capabilities, Trace: in.Body.Trace}
	switch {
	case in.Body.Request != nil && in.Body.Event != nil:
		return nil, problem.InvalidField("body.event", "cannot be given together with request", nil)
	case in.Body.Event != nil:
		invocation.Type = abi.InvocationTrigger
		if invocation.Event, err = eventValue(in.Body.Event); err != nil {
			return nil, err
		}
	default:
		request := in.Body.Request
		if request == nil {
			request = &wire.Request{}
		}
		if invocation.Request, err = testRequest(request); err != nil {
			return nil, err
		}
	}
	there, stop := front.WhileThere(ctx)
	defer stop()
	out, err := a.executions.Run(there, invocation)
	if err != nil {
		return nil, unknown(err, "script")
	}
	result := wire.RunResult{
		ExecutionID: out.ExecutionID, ScriptVersion: out.Version, Outcome: out.Name(), Status: out.Status(),
		Headers: map[string]string{}, Body: json.RawMessage("null"), Error: out.Error,
		Logs: make([]wire.LogLine, len(out.Lines)), DurationUS: out.Duration.Microseconds(), Operations: out.Operations,
		Trace: wireTrace(out.Trace),
	}
	for i, line := range out.Lines {
		line.ExecutionID, line.ScriptVersion = out.ExecutionID, out.Version
		result.Logs[i] = wireLogLine(line)
	}
	for _, h := range out.Response.Headers {
		if before, repeated := result.Headers[h.Name]; repeated {
			h.Value = before + "\n" + h.Value
		}
		result.Headers[h.Name] = h.Value
	}
	if file := out.Response.File; file != nil {
		result.File = &wire.FileRef{Collection: file.Collection, ID: file.ID}
	}
	if result.Body, err = shownBody(out.Response.Body, result.Headers["content-type"]); err != nil {
		return nil, err
	}
	return &body[wire.RunResult]{result}, nil
}

func eventValue(event json.RawMessage) (msgp.Raw, error) {
	value, err := abi.AppendFromJSON(nil, event)
	if err != nil {
		return nil, problem.InvalidField("body.event", err.Error(), nil)
	}
	if msgp.NextType(value) != msgp.MapType {
		return nil, problem.InvalidField("body.event", "must be an object", nil)
	}
	return value, nil
}

// testRequest makes the request that a route would have made.
func testRequest(r *wire.Request) (*abi.Request, error) {
	request := &abi.Request{
		Method: strings.ToUpper(r.Method), Path: r.Path, Headers: abi.Lists{}, Query: abi.Lists{},
		Params: r.Params, Rest: r.Rest, Scheme: "http", RemoteAddr: r.RemoteAddr,
	}
	if request.Method == "" {
		request.Method = http.MethodGet
	}
	if request.Path == "" {
		request.Path = "/"
	}
	if _, err := routing.CleanPath(request.Path); err != nil {
		return nil, problem.InvalidField("body.request.path", err.Error(), r.Path)
	}
	for name, value := range r.Query {
		request.Query[name] = []string{value}
	}
	maps.Copy(request.Query, r.QueryAll)
	for name, value := range r.Headers {
		request.Headers[strings.ToLower(name)] = []string{value}
	}
	for name, values := range r.HeadersAll {
		request.Headers[strings.ToLower(name)] = values
	}
	for _, lists := range []abi.Lists{request.Query, request.Headers} {
		maps.DeleteFunc(lists, func(_ string, values []string) bool { return len(values) == 0 })
	}
	request.RawQuery = url.Values(request.Query).Encode()
	if request.Host = request.Header("host"); request.Host == "" {
		request.Host = "localhost"
	}
	request.URL = request.Scheme + "://" + request.Host + request.Path
	if request.RawQuery != "" {
		request.URL += "?" + request.RawQuery
	}
	var err error
	if request.Body, err = bodyBytes(r.Body); err != nil {
		return nil, err
	}
	if _, given := request.Headers["content-type"]; !given && len(request.Body) > 0 && r.Body[0] != '"' {
		request.Headers["content-type"] = []string{"application/json"}
	}
	front.SetForm(request)
	return request, nil
}

// bodyBytes are the bytes that a JSON value stands for as a body.
func bodyBytes(value json.RawMessage) ([]byte, error) {
	if len(value) == 0 || string(value) == "null" {
		return nil, nil
	}
	decoded, err := abi.AppendFromJSON(nil, value)
	if err != nil {
		return nil, problem.InvalidField("body.request.body", err.Error(), nil)
	}
	switch msgp.NextType(decoded) {
	case msgp.StrType:
		text, _, err := msgp.ReadStringZC(decoded)
		return text, err
	case msgp.BinType:
		data, _, err := msgp.ReadBytesZC(decoded)
		return data, err
	}
	return value, nil
}

// shownBody shows a response's body as JSON.
func shownBody(content []byte, contentType string) (json.RawMessage, error) {
	switch {
	case len(content) == 0:
		return json.RawMessage("null"), nil
	case abi.IsJSON(contentType) && json.Valid(content):
		return content, nil
	case utf8.Valid(content):
		return json.Marshal(string(content))
	}
	return json.RawMessage(fmt.Sprintf(`{"$blob":%q}`, base64.StdEncoding.EncodeToString(content))), nil
}
