// Package relay has requests that come to a node which runs no scripts run by one that does.
//
// The node that asks, by an [Asker], keeps the request in the database and waits. A [Worker] of another node
// takes it under a lease, runs it, and keeps the answer, which the asker takes. They tell one another by the
// database's notifications, many at once, and look each second in any case.
//
// A request is run at most once: it is the client who knows whether it may be sent again. So when the node
// that runs it is gone, whoever waits is told so, and when the node that asked is gone, or its client, the
// answer becomes an abandoned execution (see [store.AbandonReason]), for people to look at. None of it needs
// to outlive a crash of the database, unlike events: that is why requests have tables of their own.
package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/form"
	"github.com/picloud/picloud/host/store"
)

// How long things take.
const (
	waitMargin  = 2 * time.Second // for the way there and back, beside the script's own time
	lease       = 10 * time.Second
	renewEvery  = lease / 5 // also how soon an execution ends whose client has gone
	pollEvery   = time.Second
	giveUpTime  = 5 * time.Second
	sweepEvery  = 5 * time.Second
	retainEvery = time.Hour             // as executions
	goneAfter   = 10 * time.Second      // without a sign of a node
	returnPause = 50 * time.Millisecond // after the gate was full; as much again is left to chance
	maxTries    = 10                    // to find a gate that is not full
)

// Bounds of what is passed on, as it is kept: bytes take 4/3 of themselves there.
const (
	maxRequest = 64 << 20
	maxAnswer  = 64 << 20
)

// Hold counts bytes that are in memory already against what everything in flight may hold, until release is called.
// The error is [fault.Overloaded], or that of ctx. nil counts nothing.
type Hold func(ctx context.Context, bytes int) (release func(), err error)

func (h Hold) of(ctx context.Context, payload json.RawMessage) (release func(), err error) {
	if h == nil {
		return func() {}, nil
	}
	return h(ctx, len(payload))
}

// question is a request as it is kept.
type question struct {
	Version      int64 // of the script, which the other node may not have heard of yet
	Type         abi.InvocationType
	RequestID    string
	Request      *abi.Request `json:",omitempty"` // without its form, which is in the body
	Event        []byte       `json:",omitempty"`
	Capabilities []abi.Capability
	Route        string `json:",omitempty"`
	Trace        bool   `json:",omitempty"`
}

func encodeQuestion(in executions.Invocation, version int64) (json.RawMessage, error) {
	q := question{Version: version, Type: in.Type, RequestID: in.RequestID, Event: in.Event, Capabilities: in.Capabilities, Route: in.Route, Trace: in.Trace}
	if in.Request != nil {
		request := *in.Request
		request.Form, request.FormError = nil, ""
		q.Request = &request
	}
	payload, err := json.Marshal(q)
	if err == nil && len(payload) > maxRequest {
		err = fault.New(fault.TooLarge, "a request may have %d bytes where scripts run on other nodes, and has %d as it is passed on", maxRequest, len(payload))
	}
	return payload, err
}

// invocation is what a request asks for.
func invocation(r store.RelayedRequest) (executions.Invocation, error) {
	var q question
	if err := json.Unmarshal(r.Payload, &q); err != nil {
		return executions.Invocation{}, err
	}
	if q.Request != nil {
		form.Set(q.Request)
	}
	return executions.Invocation{
		ScriptID: r.ScriptID, Version: q.Version, ExecutionID: r.ID, Type: q.Type, RequestID: q.RequestID, Request: q.Request, Event: msgp.Raw(q.Event),
		Capabilities: q.Capabilities, Route: q.Route, Trace: q.Trace,
	}, nil
}

// answer is how a request ended, as it is kept: an execution, or the code of an error of the service.
type answer struct {
	AppID      string           `json:",omitempty"`
	Version    int64            `json:",omitempty"` // of the script, that ran
	Response   abi.Response     `json:",omitzero"`
	Error      *abi.ScriptError `json:",omitempty"`
	Lines      []store.LogLine  `json:",omitempty"`
	Trace      *store.Trace     `json:",omitempty"`
	Duration   time.Duration    `json:",omitempty"`
	Operations int64            `json:",omitempty"`
	Failed     string           `json:",omitempty"` // as a [fault.Code] is written
	Refused    string           `json:",omitempty"` // with Failed: what the caller is told
	RetryAfter time.Duration    `json:",omitempty"` // with Refused
}

// answerOf is what is kept of an execution, or of the error that there is none. Its log goes with it where
// somebody may look at that.
func answerOf(id string, of abi.InvocationType, out *executions.Outcome, err error) store.RelayedAnswer {
	a := store.RelayedAnswer{ID: id}
	if err != nil {
		code := fault.Of(err)
		failed := answer{Failed: code.String()}
		if code == fault.RateLimited || code == fault.Overloaded {
			failed.Refused, failed.RetryAfter = fault.From(err).Error(), fault.From(err).RetryAfter
		}
		a.Outcome, a.Status, a.Payload = code.String(), code.Status(), encode(failed)
		return a
	}
	kept := answer{
		AppID: out.AppID, Version: out.Version, Response: out.Response, Error: out.Error, Duration: out.Duration, Operations: out.Operations,
	}
	if of != abi.InvocationHTTP {
		kept.Lines, kept.Trace = out.Lines, out.Trace
	}
	a.Outcome, a.Status, a.Payload = out.Name(), out.Status(), encode(kept)
	if len(a.Payload) > maxAnswer {
		kept.Response, kept.Lines, kept.Trace = abi.Response{}, nil, nil
		kept.Error = &abi.ScriptError{Code: abi.CodeLimitExceeded, Message: fmt.Sprintf(
			"the response is too large where scripts run on other nodes: %d bytes may be passed on, and it has %d", maxAnswer, len(a.Payload))}
		a.Outcome, a.Status, a.Payload = string(kept.Error.Code), fault.LimitExceeded.Status(), encode(kept)
	}
	return a
}

func encode(a answer) json.RawMessage {
	payload, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprint("what is made of JSON is JSON: ", err))
	}
	return payload
}

// outcome is what [executions.Service.Run] would have returned.
func outcome(a store.RelayedAnswer) (*executions.Outcome, error) {
	var kept answer
	if err := json.Unmarshal(a.Payload, &kept); err != nil {
		return nil, fmt.Errorf("an answer of another node cannot be read: %w", err)
	}
	switch kept.Failed {
	case "":
	case fault.NotFound.String():
		return nil, fault.Missing("script")
	case fault.Storage.String():
		return nil, store.Failed("run script", errors.New("the storage has failed on another node"))
	case fault.RateLimited.String():
		return nil, &fault.Error{Code: fault.RateLimited, Text: kept.Refused, RetryAfter: kept.RetryAfter}
	case fault.Overloaded.String():
		return nil, &fault.Error{Code: fault.Overloaded, Text: kept.Refused, RetryAfter: kept.RetryAfter}
	default:
		return nil, fmt.Errorf("another node has failed, and its log tells more: %s", kept.Failed)
	}
	return &executions.Outcome{
		ExecutionID: a.ID, AppID: kept.AppID, Version: kept.Version, Response: kept.Response, Error: kept.Error, Lines: kept.Lines,
		Trace: kept.Trace, Duration: kept.Duration, Operations: kept.Operations,
	}, nil
}

// task makes one of a relay.
func task(name string, every time.Duration, log *slog.Logger, run func(context.Context) error) *background.Task {
	return background.NewTask(background.TaskConfig{Name: name, Every: every, MaxPause: max(every, time.Second), Log: log, Run: run})
}
