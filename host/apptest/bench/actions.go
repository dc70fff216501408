package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// do does what a test asks for, and returns the value.
func (r *run) do(ctx context.Context, what abi.TestAction, args msgp.Raw) (value msgp.Raw, err error) {
	given, err := arguments(args)
	if err != nil {
		return nil, err
	}
	text := func(n int) string {
		if n >= len(given) {
			return ""
		}
		t, _, _ := msgp.ReadStringBytes(given[n])
		return t
	}
	switch what {
	case abi.TestCall:
		value, err = r.call(ctx, text(0), given[1:])
	case abi.TestFire:
		value, err = r.fire(ctx, text(0), given[1:])
	case abi.TestDeliver:
		value, err = r.deliver(ctx)
	case abi.TestSet:
		err = r.set(ctx, text(0))
	case abi.TestAdvance:
		var ms int64
		if ms, _, err = msgp.ReadInt64Bytes(given[0]); err == nil {
			err = r.advance(ms)
		}
	case abi.TestFake:
		var f fake
		if f, err = newFake(text(0)); err == nil {
			r.bench.mu.Lock()
			r.fakes = append(r.fakes, f)
			r.bench.mu.Unlock()
		}
	default:
		err = fmt.Errorf("a test asks for %q", what)
	}
	var refusal *fault.Error
	if errors.As(err, &refusal) && refusal.Code != fault.Storage && refusal.Code != fault.Internal {
		err = &abi.OpError{Code: refusal.Code.Guest(), Message: string(what) + ": " + refusal.Error()}
	}
	if value == nil {
		value = msgp.AppendNil(nil)
	}
	return value, err
}

// arguments are the items of an array.
func arguments(args msgp.Raw) (given []msgp.Raw, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(args)
	for ; n > 0 && err == nil; n-- {
		var after []byte
		if after, err = msgp.Skip(rest); err == nil {
			given, rest = append(given, msgp.Raw(rest[:len(rest)-len(after)])), after
		}
	}
	return given, err
}

// A request is the map that call takes.
type request struct {
	Method  string                     `json:"method"`
	Path    string                     `json:"path"`
	Query   map[string]json.RawMessage `json:"query"`
	Headers map[string]json.RawMessage `json:"headers"`
	Params  map[string]string          `json:"params"`
	Rest    string                     `json:"rest"`
	Body    json.RawMessage            `json:"body"`

	body msgp.Raw // as it was given
}

// readRequest reads the request among the arguments, if there is one.
func readRequest(given []msgp.Raw) (q request, err error) {
	if len(given) == 0 {
		return q, nil
	}
	encoded, err := abi.AppendJSON(nil, given[0])
	if err != nil {
		return q, err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return q, fault.Refuse("request."+wrong.Field, "must not be a %s", wrong.Value)
		}
		return q, fault.Refuse("request", "has method, path, query, headers, params, rest and body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	fields, err := fieldsOf(given[0])
	q.body = fields["body"]
	return q, err
}

// lists are the texts of query or headers: an array repeats a name.
func lists(what string, values map[string]json.RawMessage) (map[string][]string, error) {
	all := map[string][]string{}
	for name, value := range values {
		var items []json.RawMessage
		if json.Unmarshal(value, &items) != nil {
			items = []json.RawMessage{value}
		}
		for _, item := range items {
			var text string
			switch {
			case json.Unmarshal(item, &text) == nil && item[0] == '"':
			case len(item) > 0 && item[0] != '{' && item[0] != '[' && item[0] != 'n':
				text = string(item)
			default:
				return nil, fault.Refuse("request."+what+"."+name, "must be a string, or an array of them")
			}
			all[name] = append(all[name], text)
		}
	}
	return all, nil
}

// call asks a script, by its name, or a route: "[METHOD ][HOST]/PATH".
func (r *run) call(ctx context.Context, what string, given []msgp.Raw) (msgp.Raw, error) {
	q, err := readRequest(given)
	if err != nil {
		return nil, err
	}
	query, err := lists("query", q.Query)
	if err != nil {
		return nil, err
	}
	headers, err := lists("headers", q.Headers)
	if err != nil {
		return nil, err
	}
	if strings.Contains(what, "/") && r.bench.scripts[what].ID == "" {
		return r.ask(ctx, what, q, query, headers)
	}
	script, err := r.script(what)
	if err != nil {
		return nil, err
	}
	out, err := r.bench.config.Client.Run(ctx, script.ID, wire.RunRequest{Request: &wire.Request{
		Method: q.Method, Path: q.Path, Params: q.Params, Rest: q.Rest, QueryAll: query, HeadersAll: headers, Body: q.Body,
	}})
	if err != nil {
		return nil, fault.New(fault.Invalid, "%v", err)
	}
	answered := http.Header{}
	for name, values := range out.Headers {
		answered[http.CanonicalHeaderKey(name)] = strings.Split(values, "\n")
	}
	body, err := abi.AppendFromJSON(nil, out.Body)
	if out.Error != nil {
		if body, err = abi.AppendFromJSON(nil, failed(out.ExecutionID, out.Error)); err == nil {
			answered.Set("Content-Type", "application/json")
		}
	}
	return response(out.Status, answered, body), err
}

// failed is what a client is answered of an execution that has failed, who may read its log.
func failed(executionID string, err *abi.ScriptError) json.RawMessage {
	text, _ := json.Marshal(map[string]any{"error": map[string]any{"code": err.Code, "message": err.Message, "execution_id": executionID}})
	return text
}

// script finds a script that can be called.
func (r *run) script(name string) (store.Script, error) {
	s, known := r.bench.scripts[name]
	switch {
	case !known:
		names := slices.Sorted(maps.Keys(r.bench.scripts))
		return s, fault.New(fault.NotFound, "the app has no script %q; it has %s", name, strings.Join(names, ", "))
	case s.Kind == abi.KindModule || s.Kind == abi.KindStatic:
		return s, fault.New(fault.Invalid, "%q is a %s, which cannot be run", name, s.Kind)
	}
	return s, nil
}

// ask asks a route as a client would that does not follow redirects.
func (r *run) ask(ctx context.Context, route string, q request, query, headers map[string][]string) (msgp.Raw, error) {
	method, target, found := strings.Cut(route, " ")
	if !found {
		method, target = cmp.Or(q.Method, http.MethodGet), route
	}
	if q.Path != "" || q.Params != nil || q.Rest != "" {
		return nil, fault.Refuse("request", "path, params and rest are those of the route %s", route)
	}
	host, path, _ := strings.Cut(target, "/")
	content, contentType, err := abi.EncodeBody(q.body)
	if err != nil {
		return nil, fault.Refuse("request.body", "%v", err)
	}
	address := r.bench.config.URL + "/" + path
	if len(query) > 0 {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + url.Values(query).Encode()
	}
	outgoing, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), address, bytes.NewReader(content))
	if err != nil {
		return nil, fault.Refuse("route", "%v", err)
	}
	if len(content) == 0 {
		outgoing.Body = nil
	}
	if contentType != "" {
		outgoing.Header.Set("Content-Type", contentType)
	}
	for name, values := range headers {
		outgoing.Header[http.CanonicalHeaderKey(name)] = values
	}
	outgoing.Host = cmp.Or(host, outgoing.Header.Get("Host"))
	outgoing.Header.Del("Host")
	incoming, err := routes.Do(outgoing)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "%s: %v", route, err)
	}
	defer incoming.Body.Close()
	body, err := io.ReadAll(io.LimitReader(incoming.Body, maxResponse+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Unreachable, "%s: %v", route, err)
	case len(body) > maxResponse:
		return nil, fault.New(fault.LimitExceeded, "%s: the response has more than %d bytes", route, maxResponse)
	}
	for _, ours := range []string{"Date", "Connection"} {
		incoming.Header.Del(ours)
	}
	parsed, _ := abi.DecodeBody(body, incoming.Header.Get("Content-Type"))
	return response(incoming.StatusCode, incoming.Header, parsed), nil
}

// maxResponse is how much of a route's response a test sees.
const maxResponse = 16 << 20

// routes asks routes.
var routes = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// response is what call returns.
func response(status int, headers http.Header, body msgp.Raw) msgp.Raw {
	b := msgp.AppendMapHeader(nil, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "statusCode"), status)
	b = msgp.AppendMapHeader(msgp.AppendString(b, "headers"), uint32(len(headers)))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b = msgp.AppendString(b, strings.ToLower(name))
		if values := headers[name]; len(values) == 1 {
			b = msgp.AppendString(b, values[0])
		} else {
			b = msgp.AppendArrayHeader(b, uint32(len(values)))
			for _, value := range values {
				b = msgp.AppendString(b, value)
			}
		}
	}
	return append(msgp.AppendString(b, "body"), body...)
}

// fire runs the script of a trigger, or a script, with an event: what the dispatcher would give it, with what the
// test gives in its place.
func (r *run) fire(ctx context.Context, what string, given []msgp.Raw) (msgp.Raw, error) {
	triggers, err := r.bench.config.Store.Triggers().ByApp(ctx, r.bench.app.ID)
	if err != nil {
		return nil, err
	}
	var names []string
	in := executions.Invocation{Type: abi.InvocationTrigger, EventID: "test", Capabilities: r.bench.capabilities}
	event := map[string]json.RawMessage{}
	now := encode(r.bench.Now().UTC())
	put := func(name string, value any) { event[name] = encode(value) }
	put("id", "test")
	put("source", "")
	put("operation", "fire")
	put("attempt", 1)
	put("max_attempts", 1)
	put("depth", 1)
	put("root_execution_id", "")
	put("truncated", false)
	event["first_attempt_at"] = now
	for _, t := range triggers {
		if names = append(names, t.Name); t.Name != what {
			continue
		}
		in.ScriptID = t.ScriptID
		put("source", string(t.Kind))
		put("trigger_id", t.ID)
		put("trigger_name", t.Name)
		put("max_attempts", t.Retry.MaxAttempts)
		if t.Cron != nil {
			event["cron"] = encode(map[string]any{"schedule": t.Cron.Schedule, "timezone": t.Cron.Timezone, "scheduled_at": now, "fired_at": now, "missed": 0})
		}
	}
	switch script, also := r.bench.scripts[what]; {
	case in.ScriptID != "" && also && script.ID != in.ScriptID:
		return nil, fault.New(fault.Invalid, "%q is a trigger and, too, a script that is not the trigger's: give one of them another name", what)
	case in.ScriptID == "":
		script, err := r.script(what)
		if err != nil {
			return nil, fault.New(fault.NotFound, "the app has no trigger %q, which has %s, and %v", what, cmp.Or(strings.Join(names, ", "), "none"), err)
		}
		in.ScriptID = script.ID
	}
	if len(given) > 0 {
		encoded, err := abi.AppendJSON(nil, given[0])
		if err == nil {
			err = json.Unmarshal(encoded, &event) // which adds to it
		}
		if err != nil {
			return nil, fault.Refuse("event", "%v", err)
		}
	}
	if json.Unmarshal(event["depth"], &in.Cause.Depth) != nil || in.Cause.Depth < 0 {
		return nil, fault.Refuse("event.depth", "must be an integer that is not negative, got %.40s", event["depth"])
	}
	if in.Event, err = abi.AppendFromJSON(nil, encode(event)); err != nil {
		return nil, err
	}
	out, err := r.bench.config.Executions.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	value, message := out.Value, ""
	if out.Error != nil {
		value, message = msgp.AppendNil(nil), out.Error.Message
	}
	b := msgp.AppendMapHeader(nil, 3)
	b = msgp.AppendString(msgp.AppendString(b, "outcome"), out.Name())
	b = append(msgp.AppendString(b, "value"), value...)
	return msgp.AppendString(msgp.AppendString(b, "message"), message), nil
}

// deliver delivers what is due, and tells what became of it.
func (r *run) deliver(ctx context.Context) (msgp.Raw, error) {
	if _, err := r.bench.config.Sweep(ctx); err != nil {
		return nil, err
	}
	delivered, err := r.bench.config.Dispatcher.Drain(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for name, s := range r.bench.scripts {
		names[s.ID] = name
	}
	told := make([]map[string]any, len(delivered))
	for i, d := range delivered {
		told[i] = map[string]any{
			"trigger": d.Trigger, "script": names[d.ScriptID], "source": d.Source, "events": d.Events, "result": d.Result, "message": d.Error,
		}
	}
	return abi.AppendFromJSON(nil, encode(told))
}

// set stops the clock at a time. Schedules go on from there.
func (r *run) set(ctx context.Context, text string) error {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fault.Refuse("time", "must be a time of RFC 3339, as 2030-01-31T12:00:00Z, got %q", text)
	}
	if at.Year() < 1970 || at.Year() > 2200 {
		return fault.Refuse("time", "must be between the years 1970 and 2200, got %q", text)
	}
	if at.Before(r.bench.Now()) {
		r.bench.config.Forget() // what was counted was at times that are to come
	}
	r.bench.stop(at)
	s := r.bench.config.Store
	triggers, err := s.Triggers().ByApp(ctx, r.bench.app.ID)
	for _, t := range triggers {
		if t.Cron == nil || err != nil {
			continue
		}
		if times, wrong := schedule.Parse(t.Cron.Schedule, t.Cron.Timezone); wrong == nil {
			if next, ok := times.Next(at); ok {
				_, err = s.Triggers().Fired(ctx, t.ID, t.Cron.NextAt, next, t.Cron.LastAt)
			}
		}
	}
	return err
}

// advance moves the clock on, which is stopped from then on.
func (r *run) advance(ms int64) error {
	const most = int64(100 * 365 * 24 * time.Hour / time.Millisecond)
	if ms < 0 || ms > most {
		return fault.Refuse("ms", "must be between 0 and %d, got %d", most, ms)
	}
	r.bench.Clock.advance(time.Duration(ms) * time.Millisecond)
	return nil
}

func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprint("what is made of texts and numbers is JSON: ", err))
	}
	return text
}
