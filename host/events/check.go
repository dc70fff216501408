package events

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of triggers.
const (
	MaxAttempts    = 100
	MaxConcurrency = 1000
	MaxBatch       = 1000
	MaxBatchWait   = time.Hour
	MaxPause       = 30 * 24 * time.Hour // between attempts
	MinBase        = time.Millisecond
	MaxNameBytes   = 128 // of a trigger
)

// MaxDataDepth is how deep the data in an event may nest: with what ctx.event has around them, and the event
// of a dead letter around that, they must not be deeper than a script can read.
const MaxDataDepth = abi.MaxNesting - 8

// Trigger is one ready to be asked.
type Trigger struct {
	store.Trigger
	filter *docs.Filter // of one with data
}

// compileTrigger checks a trigger whole.
func compileTrigger(t store.Trigger) (*Trigger, error) {
	if err := Check(t); err != nil {
		return nil, err
	}
	compiled := &Trigger{Trigger: t}
	if t.Data != nil {
		filter, err := docs.CompileFilter(t.Data.Filter)
		if err != nil {
			return nil, err
		}
		compiled.filter = filter
	}
	return compiled, nil
}

// operationsOf are what can happen to data, by the kind of trigger.
var operationsOf = map[store.TriggerKind][]store.ChangeOperation{
	store.TriggerKV:    {store.ChangeCreate, store.ChangeUpdate, store.ChangeDelete, store.ChangeExpire},
	store.TriggerDocs:  {store.ChangeCreate, store.ChangeUpdate, store.ChangeDelete},
	store.TriggerFiles: {store.ChangeCreate, store.ChangeUpdate, store.ChangeDelete},
}

// Sources are the sources that a dead letter can be of.
var Sources = []store.EventSource{store.EventKV, store.EventDocs, store.EventFiles, store.EventCron, store.EventQueue, store.EventPubSub, store.EventCall}

// Check refuses a trigger that cannot be: [fault.Invalid] of the field. Whether its script is there is
// for the catalog to say.
func Check(t store.Trigger) error {
	if err := store.CheckName("name", t.Name, MaxNameBytes); err != nil {
		return err
	}
	if err := checkRetry(t.Retry); err != nil {
		return err
	}
	if err := between("concurrency", t.Concurrency, 1, MaxConcurrency); err != nil {
		return err
	}
	switch t.Kind {
	case store.TriggerKV, store.TriggerDocs, store.TriggerFiles:
		if t.Data == nil {
			break
		}
		if err := CheckGlob("collection", t.Data.Collection); err != nil {
			return err
		}
		known := operationsOf[t.Kind]
		for _, operation := range t.Data.Operations {
			if !slices.Contains(known, operation) {
				return fault.Refuse("operations", "%q is none of %s, which there are for %s", string(operation), list(known), t.Kind)
			}
		}
		_, err := docs.CompileFilter(t.Data.Filter)
		return err
	case store.TriggerCron:
		if t.Cron == nil {
			break
		}
		if _, err := schedule.Parse(t.Cron.Schedule, t.Cron.Timezone); err != nil {
			return err
		}
		if t.Cron.CatchUp != store.CatchUpOnce && t.Cron.CatchUp != store.CatchUpSkip {
			return fault.Refuse("catch_up", "must be once or skip, got %q", string(t.Cron.CatchUp))
		}
		return nil
	case store.TriggerQueue:
		if t.Queue == nil {
			break
		}
		if err := CheckTopic("topic", t.Queue.Topic); err != nil {
			return err
		}
		if err := between("max_batch", t.Queue.MaxBatch, 1, MaxBatch); err != nil {
			return err
		}
		return within("max_wait_ms", t.Queue.MaxWait, 0, MaxBatchWait)
	case store.TriggerPubSub:
		if t.PubSub == nil {
			break
		}
		return CheckPattern("topic", t.PubSub.Topic)
	case store.TriggerDeadLetter:
		if t.DeadLetter == nil {
			break
		}
		if s := t.DeadLetter.Source; s != "" && !slices.Contains(Sources, s) {
			return fault.Refuse("source", "must be one of %s, got %q", list(Sources), string(s))
		}
		return nil
	default:
		return fault.Refuse("kind", "must be one of %s, got %q", list(store.TriggerKinds), string(t.Kind))
	}
	return fault.Refuse("kind", "%q needs its details", string(t.Kind))
}

func checkRetry(r store.Retry) error {
	if err := between("retry.max_attempts", r.MaxAttempts, 1, MaxAttempts); err != nil {
		return err
	}
	switch r.Backoff {
	case store.BackoffExponential, store.BackoffLinear, store.BackoffConstant:
	default:
		return fault.Refuse("retry.backoff", "must be exponential, linear or constant, got %q", string(r.Backoff))
	}
	if err := within("retry.base_ms", r.Base, MinBase, MaxPause); err != nil {
		return err
	}
	if err := within("retry.max_ms", r.Max, r.Base, MaxPause); err != nil {
		return err
	}
	if !(r.Jitter >= 0 && r.Jitter <= 1) {
		return fault.Refuse("retry.jitter", "must be between 0 and 1, got %v", r.Jitter)
	}
	return nil
}

// CheckTopic refuses what is no topic: a name of 1 to 512 bytes without control characters.
func CheckTopic(field, topic string) error { return store.CheckName(field, topic, MaxTopicBytes) }

// CheckPattern refuses what is no pattern of topics: a topic, prefix.* or *.
func CheckPattern(field, pattern string) error {
	if err := CheckTopic(field, pattern); err != nil {
		return err
	}
	if i := strings.IndexByte(pattern, '*'); i >= 0 && pattern != "*" && (i != len(pattern)-1 || !strings.HasSuffix(pattern, ".*")) {
		return fault.Refuse(field, "must be a topic, prefix.* or *, got %q", pattern)
	}
	return nil
}

// matchesTopic reports whether a pattern is of a topic.
func matchesTopic(pattern, topic string) bool {
	if pattern == "*" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok { // prefix.
		return strings.HasPrefix(topic, prefix)
	}
	return pattern == topic
}

// checkMessage refuses JSON that is too long or too deep for an event.
func checkMessage(field string, message json.RawMessage) error {
	if len(message) > MaxMessageBytes {
		return fault.Refuse(field, "must be at most %d bytes as JSON, got %d", MaxMessageBytes, len(message))
	}
	if len(message) == 0 {
		return fault.Refuse(field, "is missing")
	}
	if deeper(message, MaxDataDepth) {
		return fault.Refuse(field, "must be nested at most %d levels deep", MaxDataDepth)
	}
	return nil
}

// deeper reports whether JSON nests deeper than so many levels.
func deeper(text json.RawMessage, than int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > than {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func between(field string, n, least, most int) error {
	if n < least || n > most {
		return fault.Refuse(field, "must be between %d and %d, got %d", least, most, n)
	}
	return nil
}

// within is between for times in milliseconds.
func within(field string, d, least, most time.Duration) error {
	if d < least || d > most {
		return fault.Refuse(field, "must be between %d and %d, got %d", least.Milliseconds(), most.Milliseconds(), d.Milliseconds())
	}
	return nil
}

func list[T any](of []T) string {
	var names []string
	for _, name := range of {
		names = append(names, fmt.Sprint(name))
	}
	return strings.Join(names, ", ")
}
