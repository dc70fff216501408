// Package sdktest runs a plugin's code in go test, without WebAssembly: its calls go to the
// server's own services, over a database in the test's directory.
//
//	func TestHello(t *testing.T) {
//		host := sdktest.New(t)
//		response, err := host.Handle(sdk.Request{Path: "/hello"})
//		...
//	}
//
// Limits of memory and time, the matching of routes and the delivery of events are not there: only the
// server has them. What is pushed, published and called is kept, and [Host.Trigger] delivers.
package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	sdk "github.com/picloud/picloud/guest-sdk"
	guest "github.com/picloud/picloud/guest-sdk/internal/host"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/form"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// Host is an app with services of its own, and the test is an execution in it. One goroutine at a
// time may use it.
type Host struct {
	db         store.Store
	client     *fetch.Client
	dispatcher *hostcalls.Dispatcher
	scope      *hostcalls.Scope
	invocation abi.Invocation
	scripts    map[string]func(args sdk.Value) (any, error)
	events     *recorder
	secrets    *secrets.Service
	observe    func(row abi.Operation, request msgp.Raw) // nil but in the SDK's own tests
}

// Response is what an HTTP client gets.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	File   *sdk.StoredFile // that is sent instead of the body
}

// collected is a [hostcalls.Stream] of which the whole is wanted.
type collected struct {
	head  abi.Response
	begun bool
}

func (c *collected) Start(head abi.Response) error {
	c.head, c.begun = head, true
	return nil
}

func (c *collected) Write(_ context.Context, part []byte, contentType string) error {
	if !slices.ContainsFunc(c.head.Headers, func(h abi.Header) bool { return h.Name == "content-type" }) {
		c.head.Headers = append(c.head.Headers, abi.Header{Name: "content-type", Value: contentType})
	}
	c.head.Body = append(c.head.Body, part...)
	return nil
}

// Line is a line of the execution's log.
type Line struct {
	Level   string // trace, debug, info, warn or error
	Message string
	Data    sdk.Value // null when there are none
}

// New returns a host that lasts as long as the test. Tests with a Host cannot run in parallel: the
// packages of the SDK know one at a time.
func New(t testing.TB) *Host {
	t.Helper()
	h, err := Open(t.TempDir())
	if err != nil {
		t.Fatal("sdktest: ", err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error("sdktest: ", err)
		}
	})
	return h
}

// Open returns a host outside of a test. It keeps what it stores in a directory; close it after
// use.
func Open(dir string) (_ *Host, err error) {
	if guest.Serve != nil {
		return nil, errors.New("another host is in use; tests with one cannot run in parallel")
	}
	h := &Host{scripts: map[string]func(sdk.Value) (any, error){}}
	defer func() {
		if err != nil {
			_ = h.Close()
		}
	}()
	h.events = &recorder{host: h, subscribers: map[string]int{}}
	ctx := context.Background()
	if h.db, err = sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, sqlite.FileName)}); err != nil {
		return nil, err
	}
	stored, err := files.New(files.Config{Store: h.db.Files(), Root: filepath.Join(dir, "files")})
	if err != nil {
		return nil, err
	}
	h.client = fetch.New(fetch.Config{Version: "test", AllowPrivate: true})
	if h.secrets, err = secrets.New(ctx, secrets.Config{Store: h.db.Secrets(), Factors: h.db.SecondFactors(), File: filepath.Join(dir, secrets.FileName), Log: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	h.dispatcher = hostcalls.New(hostcalls.Config{Services: hostcalls.Services{
		KV: kv.New(kv.Config{Store: h.db.KV()}), Docs: docs.New(docs.Config{Store: h.db.Docs()}), Files: stored, HTTP: h.client, Events: h.events,
		Transactions: h.db, Secrets: h.secrets,
	}})
	app, err := h.db.Apps().Create(ctx, store.App{Slug: "test", Name: "test"})
	if err != nil {
		return nil, err
	}
	h.invocation = abi.Invocation{
		SDKVersion: abi.SDKVersion, ExecutionID: "execution", RequestID: "request",
		ScriptID: "script", ScriptName: "plugin", AppID: app.ID,
	}
	h.scope = &hostcalls.Scope{
		ExecutionID: h.invocation.ExecutionID, AppID: app.ID, ScriptID: h.invocation.ScriptID, ScriptName: h.invocation.ScriptName,
		Log: &hostcalls.Log{}, Started: time.Now(), Now: time.Now, Invoke: h.invoke,
	}
	h.scope.Log.Hide = func(message string, data json.RawMessage) (string, json.RawMessage) {
		return h.dispatcher.Hide(ctx, h.scope, message, data)
	}
	for _, row := range abi.Operations {
		h.scope.Capabilities = append(h.scope.Capabilities, row.Capability)
	}
	guest.Serve = h.serve
	return h, nil
}

// Run calls f with a host that lasts as long as the call: for examples, which have no [testing.TB].
// It panics where New fails the test.
func Run(f func(host *Host)) {
	dir, err := os.MkdirTemp("", "sdktest")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	host, err := Open(dir)
	if err != nil {
		panic(err)
	}
	defer func() { _ = host.Close() }()
	f(host)
}

// Close ends the host.
func (h *Host) Close() error {
	guest.Serve = nil
	if h.client != nil {
		h.client.Close()
	}
	if h.db == nil {
		return nil
	}
	return h.db.Close()
}

// serve performs an operation as the sandbox does for a plugin.
func (h *Host) serve(operation string, request []byte) []byte {
	for _, row := range abi.Operations {
		if row.Name != operation {
			continue
		}
		return abi.PluginCall(row, request, func(request []byte) ([]byte, *abi.OpError) {
			if h.observe != nil {
				h.observe(row, request)
			}
			response, err := h.dispatcher.Perform(context.Background(), h.scope, row.Op, request)
			if err != nil {
				return nil, shown(err)
			}
			return response, nil
		})
	}
	panic("sdktest: there is no operation " + operation)
}

func shown(err error) *abi.OpError {
	if code := sdk.ErrorCode(err); code != "" {
		return &abi.OpError{Code: code, Message: err.Error()}
	}
	return &abi.OpError{Code: abi.OpCodeInternal, Message: err.Error()}
}

// Handle runs the plugin's handler for a request and returns what a client of a route would get.
// The error is the handler's, or says what is wrong with its response.
//
// Method is GET and Path / unless they are given. Without BodyRaw, Body is sent: a string as text,
// a blob as its bytes, anything else as JSON.
func (h *Host) Handle(request sdk.Request) (Response, error) {
	body := request.BodyRaw
	headers := abi.Lists{}
	for name, value := range request.Headers {
		headers[strings.ToLower(name)] = []string{value}
	}
	for name, values := range request.HeadersAll {
		headers[strings.ToLower(name)] = values
	}
	for name, value := range request.Cookies {
		headers["cookie"] = append(headers["cookie"], name+"="+value)
	}
	query := abi.Lists{}
	for name, value := range request.Query {
		query[name] = []string{value}
	}
	maps.Copy(query, request.QueryAll)
	if body == nil {
		value, err := abi.AppendFromJSON(nil, []byte(request.Body.String()))
		if err != nil {
			return Response{}, fmt.Errorf("the request's body: %w", err)
		}
		var contentType string
		if body, contentType, err = abi.EncodeBody(value); err != nil {
			return Response{}, fmt.Errorf("the request's body: %w", err)
		}
		if _, given := headers["content-type"]; !given && contentType != "" {
			headers["content-type"] = []string{contentType}
		}
	}
	in := &abi.Request{
		Method: strings.ToUpper(request.Method), Path: request.Path, Headers: headers, Body: body,
		Params: request.Params, Query: query, RawQuery: request.RawQuery, Rest: request.Rest,
		URL: request.URL, Scheme: request.Scheme, Host: request.Host, RemoteAddr: request.RemoteAddr,
	}
	var err error
	if in.Form, err = form.Parse(in.Header("content-type"), body); err != nil {
		return Response{}, fmt.Errorf("the request's body: %w", err)
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Path == "" {
		in.Path = "/"
	}
	invocation := h.invocation
	invocation.InvocationType, invocation.Request = abi.InvocationHTTP, in
	var streamed collected
	h.scope.Request, h.scope.Stream = in, &streamed
	defer func() { h.scope.Request, h.scope.Stream = nil, nil }()
	value, err := h.run(invocation)
	if err != nil {
		return Response{}, err
	}
	out := streamed.head
	if !streamed.begun {
		if out, err = abi.NewResponse(value); err != nil {
			return Response{}, fmt.Errorf("invalid response: %w", err)
		}
	}
	response := Response{Status: out.Status, Header: http.Header{}, Body: out.Body, File: (*sdk.StoredFile)(out.File)}
	for _, field := range out.Headers {
		response.Header.Add(field.Name, field.Value)
	}
	return response, nil
}

// Invoke runs the plugin's handler as another script does with invoke, and returns what that script
// would get.
func (h *Host) Invoke(args any) (sdk.Value, error) {
	value, err := wireValue(args)
	if err != nil {
		return nil, fmt.Errorf("args: %w", err)
	}
	invocation := h.invocation
	invocation.InvocationType, invocation.Args = abi.InvocationInvoke, value
	return h.answer(invocation)
}

// Trigger runs the plugin's handler for an event: an [sdk.Event], or a map.
func (h *Host) Trigger(event any) (sdk.Value, error) {
	value, err := wireValue(event)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	invocation := h.invocation
	invocation.InvocationType, invocation.Event = abi.InvocationTrigger, value
	return h.answer(invocation)
}

func (h *Host) answer(invocation abi.Invocation) (sdk.Value, error) {
	value, err := h.run(invocation)
	if err != nil || len(value) == 0 {
		return nil, err
	}
	return abi.AppendJSON(nil, value)
}

// run calls the handler with an invocation in JSON and reads its response, as the sandbox does.
func (h *Host) run(invocation abi.Invocation) (msgp.Raw, error) {
	input, err := abi.PluginInput(invocation)
	if err != nil {
		return nil, err
	}
	output, err := guest.Handle(input)
	if err != nil || len(output) == 0 {
		return nil, err
	}
	return abi.AppendFromJSON(nil, output)
}

// wireValue returns a Go value as the host has it.
func wireValue(v any) (msgp.Raw, error) {
	text, err := sdk.ValueOf(v)
	if err != nil {
		return nil, err
	}
	return abi.AppendFromJSON(nil, text)
}

// Provide puts a function in the place of another script of the app, which sdk.Invoke and
// sdk.InvokeAsync then find by its name. An error is that script's failure.
func (h *Host) Provide(name string, script func(args sdk.Value) (any, error)) {
	h.scripts[name] = script
}

// invoke is a [hostcalls.Invoker].
func (h *Host) invoke(_ context.Context, name string, args msgp.Raw) (msgp.Raw, error) {
	script, found := h.scripts[name]
	if !found {
		return nil, fault.Missing("script")
	}
	var text sdk.Value
	if len(args) > 0 {
		var err error
		if text, err = abi.AppendJSON(nil, args); err != nil {
			return nil, err
		}
	}
	value, err := script(text)
	if err != nil {
		return nil, &abi.ScriptError{Code: abi.CodeScriptError, Message: err.Error()}
	}
	return wireValue(value)
}

// Log returns what was logged so far.
func (h *Host) Log() (lines []Line) {
	for _, line := range h.scope.Log.Lines() {
		lines = append(lines, Line{string(line.Level), line.Message, sdk.Value(line.Data)})
	}
	return lines
}

// SetSecret gives the app a secret. It panics for a name or a value that the server would refuse.
func (h *Host) SetSecret(name, value string) {
	if _, err := h.secrets.Set(context.Background(), h.scope.AppID, name, value); err != nil {
		panic(err)
	}
}

// Deny takes capabilities away from the execution: "AppKvWrite".
func (h *Host) Deny(capabilities ...string) {
	var left []abi.Capability
next:
	for _, held := range h.scope.Capabilities {
		for _, denied := range capabilities {
			if string(held) == denied {
				continue next
			}
		}
		left = append(left, held)
	}
	h.scope.Capabilities = left
}
