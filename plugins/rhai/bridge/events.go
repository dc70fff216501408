package bridge

import (
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var (
	pushOptions = []property{{name: "debounce_ms", is: isInteger}, {name: "dedupe", is: isString}, {name: "delay_ms", is: isInteger}, {name: "key", is: isString}}
	// What drops messages is not among the options of several: all but one would be lost.
	pushAllOptions        = []property{{name: "delay_ms", is: isInteger}, {name: "key", is: isString}}
	deadLetterListOptions = []property{{name: "cursor", is: isString}, {name: "limit", is: isInteger}, {name: "unresolved", is: isBool}}
)

// registerEvents adds what sends messages, and looks after those that could not be delivered:
//
//	queue::topic(name)                                  a topic, with the methods
//	push(message [, #{delay_ms, key, dedupe, debounce_ms}])
//	                                                    the message's id, or of one that dedupe drops that
//	                                                    of the message kept
//	push_all([message, ...] [, #{delay_ms, key}])       their ids; all are pushed, or none
//
//	pubsub::publish(topic, message)                     how many triggers get it
//	pubsub::subscriber_token(topic, ttl_ms)             a token that lets who has it subscribe to the topic
//	                                                    from outside, for a second to a day
//
//	dead_letters::list([#{limit, cursor, unresolved}])  #{items, cursor}, the newest first; no more pages:
//	                                                    cursor is "". The payload of items is ()
//	dead_letters::get(id)                               the dead letter; () when there is none
//	dead_letters::replay(id)                            delivers it again: the id of that event
//	dead_letters::resolve(id, as)                       decides about it, "ignored" or "handled_by_script":
//	                                                    the dead letter now
//
// A message is any value that may leave the script.
func registerEvents(l *vm.Library) {
	const c, s, m = queueTopic, vm.KindString, vm.KindMap
	registerHandle(l, "queue::topic", c, "QueueTopic")

	push := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		r := openPush(t, args[0], 1)
		r.message("message", args[1], options(args, 2), pushOptions)
		return r.first("ids")
	}
	l.Func("push", push, c, vm.KindAny)
	l.Func("push", push, c, vm.KindAny, m)

	pushAll := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		items := args[1].AsArray().Items
		r := openPush(t, args[0], len(items))
		for i, item := range items {
			r.message("messages["+strconv.Itoa(i)+"]", item, options(args, 2), pushAllOptions)
		}
		return r.one("ids")
	}
	l.Func("push_all", pushAll, c, vm.KindArray)
	l.Func("push_all", pushAll, c, vm.KindArray, m)

	l.Func("pubsub::publish", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpPubSubPublish).string("topic", args[0]).value("message", args[1]).one("delivered")
	}, s, vm.KindAny)

	l.Func("pubsub::subscriber_token", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpPubSubToken).string("topic", args[0]).integer("ttl_ms", args[1].AsInt()).one("token")
	}, s, vm.KindInt)

	list := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpDeadLettersList).properties(options(args, 0), deadLetterListOptions).all()
	}
	l.Func("dead_letters::list", list)
	l.Func("dead_letters::list", list, m)
	l.Func("dead_letters::get", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpDeadLettersGet).string("id", args[0]).one("dead_letter")
	}, s)
	l.Func("dead_letters::replay", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpDeadLettersReplay).string("id", args[0]).one("event_id")
	}, s)
	l.Func("dead_letters::resolve", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpDeadLettersResolve).string("id", args[0]).string("as", args[1]).one("dead_letter")
	}, s, s)
}

// openPush begins the request to push n messages, which follow.
func openPush(t *vm.Thread, topic vm.Value, n int) *request {
	r := open(t, abi.OpQueuePush).text("topic", topic.AsHandle().Name)
	if r.err == nil {
		r.field("messages")
		r.e.b = msgp.AppendArrayHeader(r.e.b, uint32(n))
	}
	return r
}

// message writes one of the messages of a push, with the name that it has in errors.
func (r *request) message(shown string, body vm.Value, options *vm.Map, known []property) {
	if r.err != nil {
		return
	}
	r.at = len(r.e.b)
	r.e.b = append(r.e.b, 0x80)
	r.valueOf("body", shown, body).properties(options, known)
	r.at = 0
}
