package hostcalls

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Events is what an execution may ask of the queues, topics and calls of its app; package events
// has it. What it is asked for keeps to the limits of package abi.
type Events interface {
	// Push puts messages into a topic's queue, all or none, and returns their ids: of a message that
	// is dropped because of its dedupe, that of the one kept.
	Push(ctx context.Context, appID, topic string, messages []events.Message) ([]string, error)
	// Publish hands a message to the triggers that subscribe to a topic, and returns how many do.
	Publish(ctx context.Context, appID, topic string, message json.RawMessage) (delivered int, err error)
	// SubscriberToken makes a token that lets somebody subscribe to a topic for so long, and tells when it
	// ends. The error is [fault.NotFound] of a topic that cannot be subscribed to from outside.
	SubscriberToken(ctx context.Context, appID, topic string, ttl time.Duration) (token string, end time.Time, err error)
	// Call has a script of the app run after a delay, with what its caller may do, and returns the id
	// of that execution. The error is [fault.NotFound] or [fault.Invalid] when there is no such script.
	Call(ctx context.Context, appID, name string, args json.RawMessage, delay time.Duration, capabilities []abi.Capability) (executionID string, err error)
	// DeadLetters pages through the app's dead letters, the newest first.
	DeadLetters(ctx context.Context, appID string, unresolved bool, page store.PageRequest) (store.Page[store.DeadLetter], error)
	// DeadLetter finds one of the app's.
	DeadLetter(ctx context.Context, appID, id string) (store.DeadLetter, error)
	// Replay delivers one of the app's again, and returns the id of that event.
	Replay(ctx context.Context, appID, id, by string) (eventID string, err error)
	// Resolve decides about one of the app's, and returns it.
	Resolve(ctx context.Context, appID, id string, as store.Resolution, by string) (store.DeadLetter, error)
}

// eventsHandlers are the operations on queues, topics, calls and dead letters.
func eventsHandlers(e Events) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpQueuePush: withEvents(e, abi.OpQueuePush, func(ctx context.Context, scope *Scope, e Events, r *abi.QueuePushRequest) (msgp.Marshaler, error) {
			if err := store.CheckName("topic", r.Topic, abi.MaxTopicBytes); err != nil {
				return nil, err
			}
			messages, err := messagesOf(r.Messages)
			if err != nil {
				return nil, err
			}
			ids, err := e.Push(ctx, scope.AppID, r.Topic, messages)
			return &abi.QueuePushResponse{IDs: ids}, err
		}),
		abi.OpPubSubPublish: withEvents(e, abi.OpPubSubPublish, func(ctx context.Context, scope *Scope, e Events, r *abi.PubSubPublishRequest) (msgp.Marshaler, error) {
			if err := store.CheckName("topic", r.Topic, abi.MaxTopicBytes); err != nil {
				return nil, err
			}
			message, err := messageJSON("message", r.Message)
			if err != nil {
				return nil, err
			}
			delivered, err := e.Publish(ctx, scope.AppID, r.Topic, message)
			return &abi.PubSubPublishResponse{Delivered: delivered}, err
		}),
		abi.OpPubSubToken: withEvents(e, abi.OpPubSubToken, func(ctx context.Context, scope *Scope, e Events, r *abi.PubSubTokenRequest) (msgp.Marshaler, error) {
			if err := store.CheckName("topic", r.Topic, abi.MaxTopicBytes); err != nil {
				return nil, err
			}
			if r.TTLMillis < abi.MinTokenMillis || r.TTLMillis > abi.MaxTokenMillis {
				return nil, fault.Refuse("ttl_ms", "must be %d to %d, got %d", abi.MinTokenMillis, abi.MaxTokenMillis, r.TTLMillis)
			}
			token, end, err := e.SubscriberToken(ctx, scope.AppID, r.Topic, time.Duration(r.TTLMillis)*time.Millisecond)
			return &abi.PubSubTokenResponse{Token: token, ExpiresAt: end.Format(documentTime)}, err
		}),
		abi.OpInvokeAsync: withEvents(e, abi.OpInvokeAsync, func(ctx context.Context, scope *Scope, e Events, r *abi.InvokeAsyncRequest) (msgp.Marshaler, error) {
			delay, err := delayOf("delay_ms", r.DelayMillis)
			if err != nil {
				return nil, err
			}
			args, err := messageJSON("args", r.Args)
			if err != nil {
				return nil, err
			}
			id, err := e.Call(ctx, scope.AppID, r.Name, args, delay, scope.Capabilities)
			if fault.Unknown(err) {
				return nil, unknownScript("invoke_async", r.Name)
			}
			return &abi.InvokeAsyncResponse{ExecutionID: id}, err
		}),
		abi.OpDeadLettersList: withEvents(e, abi.OpDeadLettersList, func(ctx context.Context, scope *Scope, e Events, r *abi.DeadLettersListRequest) (msgp.Marshaler, error) {
			page, err := e.DeadLetters(ctx, scope.AppID, r.Unresolved, store.PageRequest{Cursor: r.Cursor, Limit: r.Limit})
			if err != nil {
				return nil, err
			}
			response := &abi.DeadLettersListResponse{Items: make([]abi.DeadLetter, len(page.Items)), Cursor: page.Next}
			for i, letter := range page.Items {
				response.Items[i] = deadLetter(letter)
			}
			return response, nil
		}),
		abi.OpDeadLettersGet: withEvents(e, abi.OpDeadLettersGet, func(ctx context.Context, scope *Scope, e Events, r *abi.DeadLettersGetRequest) (msgp.Marshaler, error) {
			letter, err := e.DeadLetter(ctx, scope.AppID, r.ID)
			if fault.Of(err) == fault.NotFound {
				return &abi.DeadLettersGetResponse{}, nil
			}
			whole, err := wholeDeadLetter(letter, err)
			return &abi.DeadLettersGetResponse{DeadLetter: &whole}, err
		}),
		abi.OpDeadLettersReplay: withEvents(e, abi.OpDeadLettersReplay, func(ctx context.Context, scope *Scope, e Events, r *abi.DeadLettersGetRequest) (msgp.Marshaler, error) {
			id, err := e.Replay(ctx, scope.AppID, r.ID, scope.by())
			return &abi.DeadLettersReplayResponse{EventID: id}, err
		}),
		abi.OpDeadLettersResolve: withEvents(e, abi.OpDeadLettersResolve, func(ctx context.Context, scope *Scope, e Events, r *abi.DeadLettersResolveRequest) (msgp.Marshaler, error) {
			as := store.Resolution(r.As)
			if as != store.ResolvedIgnored && as != store.ResolvedByScript {
				return nil, fault.Refuse("as", "must be %s or %s, got %s", store.ResolvedIgnored, store.ResolvedByScript, quoted([]byte(r.As)))
			}
			whole, err := wholeDeadLetter(e.Resolve(ctx, scope.AppID, r.ID, as, scope.by()))
			return &abi.DeadLettersResolveResponse{DeadLetter: whole}, err
		}),
	}
}

// transactional is an [Events] that takes part in a transaction, as an [events.Emitter] does.
type transactional interface {
	In(tx store.Store) *events.Emitter
}

// withEvents makes a handler that is not available without events. Within the execution's transaction, if
// there is one, what it makes is kept with the rest or not at all.
func withEvents[T any, M message[T]](e Events, op abi.Op, perform func(ctx context.Context, scope *Scope, e Events, request *T) (msgp.Marshaler, error)) Handler {
	return handle[T, M](op, func(ctx context.Context, scope *Scope, request *T) (response msgp.Marshaler, err error) {
		if e == nil {
			return nil, fault.New(fault.Unavailable, "there are no events here")
		}
		within, ok := e.(transactional)
		if scope.transaction.open == nil || !ok {
			return perform(ctx, scope, e, request)
		}
		err = scope.transaction.open.Do(func(ctx context.Context, tx store.Store) (err error) {
			response, err = perform(ctx, scope, within.In(tx), request)
			return err
		})
		return response, err
	})
}

// by names the execution's script as who decides about a dead letter.
func (s *Scope) by() string { return "script " + s.ScriptName }

// messagesOf reads the messages of a push.
func messagesOf(pushed []abi.QueueMessage) ([]events.Message, error) {
	if len(pushed) == 0 || len(pushed) > abi.MaxPushMessages {
		return nil, fault.Refuse("messages", "must be 1 to %d, got %d", abi.MaxPushMessages, len(pushed))
	}
	messages := make([]events.Message, len(pushed))
	for i := range pushed {
		var err error
		if messages[i], err = messageOf(fmt.Sprintf("messages[%d].", i), &pushed[i]); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// messageOf reads a message, whose fields errors name behind a path.
func messageOf(path string, pushed *abi.QueueMessage) (m events.Message, err error) {
	for _, name := range []struct{ field, value string }{{"key", pushed.Key}, {"dedupe", pushed.Dedupe}} {
		if name.value != "" {
			if err = store.CheckName(path+name.field, name.value, abi.MaxTopicBytes); err != nil {
				return m, err
			}
		}
	}
	m.Key, m.Dedupe = pushed.Key, pushed.Dedupe
	if m.Delay, err = delayOf(path+"delay_ms", pushed.DelayMillis); err != nil {
		return m, err
	}
	if m.Debounce, err = delayOf(path+"debounce_ms", pushed.DebounceMillis); err != nil {
		return m, err
	}
	if m.Debounce > 0 && m.Key == "" {
		return m, fault.Refuse(path+"debounce_ms", "needs a key, got %d without one", pushed.DebounceMillis)
	}
	m.Body, err = messageJSON(path+"body", pushed.Body)
	return m, err
}

func delayOf(field string, millis int64) (time.Duration, error) {
	if millis < 0 || millis > abi.MaxDelayMillis {
		return 0, fault.Refuse(field, "must be 0 to %d, got %d", abi.MaxDelayMillis, millis)
	}
	return time.Duration(millis) * time.Millisecond, nil
}

// messageJSON returns the JSON of a message, which is kept.
func messageJSON(field string, value msgp.Raw) (json.RawMessage, error) {
	if len(value) == 0 {
		return json.RawMessage("null"), nil
	}
	// No value is five times as long in MessagePack as in JSON.
	if len(value) > 5*abi.MaxMessageBytes {
		return nil, fault.Refuse(field, "must be at most %d bytes of JSON, got more", abi.MaxMessageBytes)
	}
	text, err := abi.AppendJSON(make([]byte, 0, len(value)+len(value)/4), value)
	if err != nil {
		return nil, fault.RefuseWithin(field, err)
	}
	if len(text) > abi.MaxMessageBytes {
		return nil, fault.Refuse(field, "must be at most %d bytes of JSON, got %d", abi.MaxMessageBytes, len(text))
	}
	return text, nil
}

// deadLetter is a dead letter as a guest sees it, without its payload.
func deadLetter(d store.DeadLetter) abi.DeadLetter {
	at := func(t time.Time) string { return t.UTC().Format(documentTime) }
	ifAny := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		text := at(t)
		return &text
	}
	return abi.DeadLetter{
		ID: d.ID, EventID: d.EventID, Source: string(d.Source), Operation: d.Operation,
		TriggerID: d.TriggerID, TriggerName: d.TriggerName, ScriptID: d.ScriptID, Key: d.GroupKey,
		Attempts: d.Attempts, Error: d.LastError,
		CreatedAt: at(d.CreatedAt), FirstAt: ifAny(d.FirstAt), LastAt: at(d.LastAt),
		Resolution: string(d.Resolution), ResolvedAt: ifAny(d.ResolvedAt), ResolvedBy: d.ResolvedBy, ReplayedAs: d.ReplayedAs,
	}
}

// wholeDeadLetter is a dead letter that was found, with its payload.
func wholeDeadLetter(d store.DeadLetter, err error) (abi.DeadLetter, error) {
	if err != nil {
		return abi.DeadLetter{}, err
	}
	whole := deadLetter(d)
	if len(d.Payload) > 0 {
		whole.Payload, err = storedValue(d.Payload)
	}
	return whole, err
}
