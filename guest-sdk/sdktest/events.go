package sdktest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/events/subscriber"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Pushed is a message in a queue. Nothing handles it: [Host.Trigger] is for that.
type Pushed struct {
	ID, Topic, Key, Dedupe string
	Delay                  time.Duration // or debounce
	Body                   sdk.Value
}

// Published is a message that was published.
type Published struct {
	Topic   string
	Message sdk.Value
}

// Called is a script that is to run later. Nothing runs it.
type Called struct {
	ExecutionID, Name string
	Args              sdk.Value
	Delay             time.Duration
}

// Pushed returns the messages that wait in the queues, in their order.
func (h *Host) Pushed() []Pushed { return slices.Clone(h.events.pushed) }

// Published returns what was published, in order.
func (h *Host) Published() []Published { return slices.Clone(h.events.published) }

// Called returns what sdk.InvokeAsync was called with, in order.
func (h *Host) Called() []Called { return slices.Clone(h.events.called) }

// Subscribe lets a topic have so many more subscribers, for pubsub.Publish to count.
func (h *Host) Subscribe(topic string, subscribers int) { h.events.subscribers[topic] += subscribers }

// OpenTopic lets a topic be subscribed to from outside with a token, which pubsub.SubscriberToken then
// makes.
func (h *Host) OpenTopic(topic string) error {
	_, err := h.db.Topics().Set(context.Background(), store.Topic{AppID: h.scope.AppID, Name: topic, Access: store.AccessToken})
	return err
}

// Bury makes a dead letter of an event that had a last error, and returns its id.
func (h *Host) Bury(source, lastError string, payload any) (id string, err error) {
	text, err := sdk.ValueOf(payload)
	if err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	letter := store.DeadLetter{
		ID: h.events.id("letter"), EventID: h.events.id("event"), AppID: h.scope.AppID, Source: store.EventSource(source), Attempts: 1,
		CreatedAt: now, FirstAt: now, LastAt: now, LastError: lastError, Payload: json.RawMessage(text),
	}
	h.events.letters = append(h.events.letters, letter)
	return letter.ID, nil
}

// recorder is a [hostcalls.Events] of one app that keeps what it is told.
type recorder struct {
	host        *Host
	ids         int
	pushed      []Pushed
	published   []Published
	called      []Called
	subscribers map[string]int // by topic
	letters     []store.DeadLetter
}

func (r *recorder) id(of string) string {
	r.ids++
	return of + "-" + strconv.Itoa(r.ids)
}

// Push keeps messages, as dedupe and debounce have it.
func (r *recorder) Push(_ context.Context, _, topic string, messages []events.Message) (ids []string, err error) {
	for _, m := range messages {
		message := Pushed{Topic: topic, Key: m.Key, Dedupe: m.Dedupe, Delay: max(m.Delay, m.Debounce), Body: sdk.Value(m.Body)}
		same := slices.IndexFunc(r.pushed, func(p Pushed) bool {
			return p.Topic == topic && (m.Dedupe != "" && p.Dedupe == m.Dedupe || m.Debounce > 0 && p.Key == m.Key)
		})
		switch {
		case same < 0:
			message.ID = r.id("message")
			r.pushed = append(r.pushed, message)
		case m.Dedupe != "" && r.pushed[same].Dedupe == m.Dedupe:
			message.ID = r.pushed[same].ID
		default:
			message.ID = r.pushed[same].ID
			r.pushed[same] = message
		}
		ids = append(ids, message.ID)
	}
	return ids, nil
}

// Publish keeps a message.
func (r *recorder) Publish(_ context.Context, _, topic string, message json.RawMessage) (int, error) {
	r.published = append(r.published, Published{topic, sdk.Value(message)})
	return r.subscribers[topic], nil
}

// SubscriberToken makes a token for a topic that [Host.OpenTopic] has opened.
func (r *recorder) SubscriberToken(ctx context.Context, appID, topic string, ttl time.Duration) (string, time.Time, error) {
	return subscriber.New(r.host.db.Topics()).Make(ctx, appID, topic, ttl)
}

// Call keeps a call of a script that [Host.Provide] has given.
func (r *recorder) Call(_ context.Context, _, name string, args json.RawMessage, delay time.Duration, _ []abi.Capability) (string, error) {
	if r.host.scripts[name] == nil {
		return "", fault.Missing("script")
	}
	call := Called{r.id("execution"), name, sdk.Value(args), delay}
	r.called = append(r.called, call)
	return call.ExecutionID, nil
}

// DeadLetters returns a page whose cursor is the number of those before it.
func (r *recorder) DeadLetters(_ context.Context, _ string, unresolved bool, page store.PageRequest) (found store.Page[store.DeadLetter], err error) {
	if page.Limit < 0 || page.Limit > store.MaxPageSize {
		return found, fault.Refuse("limit", "must be between 1 and %d, got %d", store.MaxPageSize, page.Limit)
	}
	start, limit := 0, cmp.Or(page.Limit, store.DefaultPageSize)
	if page.Cursor != "" {
		if start, err = strconv.Atoi(page.Cursor); err != nil || start < 0 {
			return found, fault.New(fault.Invalid, "invalid cursor")
		}
	}
	var all []store.DeadLetter
	for _, letter := range slices.Backward(r.letters) {
		if !unresolved || letter.Resolution == "" {
			all = append(all, letter)
		}
	}
	end := min(start+limit, len(all))
	if end < len(all) {
		found.Next = strconv.Itoa(end)
	}
	found.Items = all[min(start, end):end]
	return found, nil
}

// DeadLetter finds a dead letter.
func (r *recorder) DeadLetter(_ context.Context, _, id string) (store.DeadLetter, error) {
	letter, err := r.find(id)
	if err != nil {
		return store.DeadLetter{}, err
	}
	return *letter, nil
}

func (r *recorder) find(id string) (*store.DeadLetter, error) {
	for i := range r.letters {
		if r.letters[i].ID == id {
			return &r.letters[i], nil
		}
	}
	return nil, fault.Missing("dead letter")
}

// Replay decides about a dead letter and returns the id of an event that nothing delivers.
func (r *recorder) Replay(_ context.Context, _, id, by string) (string, error) {
	letter, err := r.decide(id, store.ResolvedReplayed, by)
	if err != nil {
		return "", err
	}
	letter.ReplayedAs = r.id("event")
	return letter.ReplayedAs, nil
}

// Resolve decides about a dead letter.
func (r *recorder) Resolve(_ context.Context, _, id string, as store.Resolution, by string) (store.DeadLetter, error) {
	letter, err := r.decide(id, as, by)
	if err != nil {
		return store.DeadLetter{}, err
	}
	return *letter, nil
}

func (r *recorder) decide(id string, as store.Resolution, by string) (*store.DeadLetter, error) {
	letter, err := r.find(id)
	if err != nil {
		return nil, err
	}
	if letter.Resolution == store.ResolvedReplayed {
		return nil, fault.New(fault.Conflict, "the dead letter has been replayed already, as the event %s", letter.ReplayedAs)
	}
	letter.Resolution, letter.ResolvedBy, letter.ResolvedAt = as, by, time.Now().UTC().Truncate(time.Microsecond)
	return letter, nil
}
