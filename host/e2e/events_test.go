package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// listening is a place whose server has scripts for triggers: keep, which keeps the event, and fail.
func listening(t *testing.T) *place {
	t.Helper()
	p, _ := loggedIn(t)
	p.write(t, "keep.rhai", `kv::collection("seen").set(ctx.event.source, ctx.event);`)
	p.write(t, "fail.rhai", `throw "no such luck";`)
	p.must(t, "deploy", "keep.rhai")
	p.must(t, "deploy", "fail.rhai")
	return p
}

// seen waits until a handler has kept the event of a source.
func (p *place) seen(t *testing.T, source string) string {
	t.Helper()
	var r result
	require.Eventually(t, func() bool {
		r = p.run(t, "", "kv", "get", "seen", source)
		return r.status == exitOK
	}, patience, 50*time.Millisecond, "no event of %s", source)
	return r.stdout
}

func TestTriggerCommands(t *testing.T) {
	p := listening(t)
	if got := p.must(t, "triggers", "create", "docs", "--script", "keep", "--collection", "ord*", "--operations", "create,update",
		"--filter", `{"total":{"$gt":10}}`); got != "Trigger keep-docs created.\n" {
		t.Errorf("printed %q", got)
	}
	p.must(t, "triggers", "create", "cron", "--script", "keep", "--name", "yearly", "--schedule", "0 3 1 1 *", "--timezone", "Europe/Zurich", "--disabled")
	p.must(t, "triggers", "create", "queue", "--script", "keep", "--topic", "mail", "--max-batch", "10", "--max-wait", "10ms", "--ordered")
	p.must(t, "triggers", "create", "dead-letter", "--script", "keep", "--source", "queue", "--failed-trigger", "keep-docs", "--failed-script", "fail")
	table := p.must(t, "triggers", "list")
	want := regexp.MustCompile(`^NAME +KIND +OF +SCRIPT +STATE +ID
keep-dead_letter +dead-letter +queue [0-9a-f-]+ .* +keep +enabled +[0-9a-f-]+
keep-docs +docs +ord\* create,update \{"total":\{"\$gt":10\}\} +keep +enabled +[0-9a-f-]+
keep-queue +queue +mail up to 10 ordered +keep +enabled +[0-9a-f-]+
yearly +cron +0 3 1 1 \* Europe/Zurich +keep +disabled +[0-9a-f-]+
$`)
	if !want.MatchString(table) {
		t.Errorf("table is\n%s\nwant\n%s", table, want)
	}

	// What is not given stays, and what is given empty is any again.
	p.must(t, "triggers", "update", "keep-docs", "--name", "orders", "--operations", "", "--concurrency", "2",
		"--max-attempts", "3", "--backoff", "linear", "--base", "1500ms", "--max-pause", "1m", "--jitter", "0")
	orders := decode[wire.Trigger](t, p, "triggers", "show", "orders")
	if *orders.Collection != "ord*" || len(*orders.Operations) != 0 || orders.Concurrency != 2 {
		t.Errorf("trigger = %+v", orders)
	}
	assert.JSONEq(t, `{"total":{"$gt":10}}`, string(*orders.Filter))
	if shown := p.must(t, "triggers", "show", orders.ID); !regexp.MustCompile(`(?m)^RETRY +3 attempts, linear from 1\.5s to 1m0s, jitter 0$`).MatchString(shown) {
		t.Errorf("shown is\n%s", shown)
	}
	p.must(t, "triggers", "update", "yearly", "--enabled")
	if shown := p.must(t, "triggers", "show", "yearly"); !regexp.MustCompile(`(?m)^STATE +enabled\n(.*\n)*NEXT +\d{4}-`).MatchString(shown) {
		t.Errorf("shown is\n%s", shown)
	}
	p.must(t, "triggers", "update", "keep-queue", "--no-ordered")
	if q := decode[wire.Trigger](t, p, "triggers", "show", "keep-queue"); *q.Ordered || *q.MaxWaitMS != 10 {
		t.Errorf("trigger = %+v", q)
	}

	p.fails(t, exitUsage, "missing flags: --script", "triggers", "create", "kv", "--collection", "c")
	p.fails(t, exitUsage, `must be one of "kv","docs","files","cron","queue","pubsub","dead-letter" but got "http"`, "triggers", "create", "http", "--script", "keep")
	p.fails(t, exitUsage, `--filter must be JSON, as in '{"paid": true}', got paid`, "triggers", "create", "kv", "--script", "keep", "--collection", "c", "--filter", "paid")
	p.fails(t, exitUsage, "nothing to change", "triggers", "update", "orders")
	p.fails(t, exitFailed, "schedule", "triggers", "create", "kv", "--script", "keep", "--collection", "c", "--schedule", "@daily")
	p.fails(t, exitFailed, "is not of a trigger of docs", "triggers", "update", "orders", "--topic", "t")
	p.fails(t, exitFailed, `app default has no trigger "nope"`, "triggers", "pause", "nope")
	p.fails(t, exitFailed, `is no script of the app, got "nope"`, "triggers", "create", "kv", "--script", "nope", "--collection", "c")

	if got := p.must(t, "triggers", "fire", "orders", "--data", `{"total":50}`); !regexp.MustCompile(`^Event [0-9a-f-]+ made\.\n$`).MatchString(got) {
		t.Errorf("printed %q", got)
	}
	if event := p.seen(t, "docs"); !regexp.MustCompile(`"total": *50\b`).MatchString(event) {
		t.Errorf("the handler saw %s", event)
	}
	if got := p.must(t, "triggers", "preview", "0 9 * * 1-5", "--timezone", "Europe/Zurich"); strings.Count(got, "\n") != 6 || !strings.Contains(got, "Europe/Zurich") {
		t.Errorf("preview prints\n%s", got)
	}
	p.must(t, "triggers", "delete", "--yes", orders.ID)
	p.fails(t, exitFailed, `app default has no trigger "orders"`, "triggers", "show", "orders")
}

func TestEventCommands(t *testing.T) {
	p := listening(t)
	p.must(t, "triggers", "create", "kv", "--script", "keep", "--name", "stock", "--collection", "stock")
	if got := p.must(t, "triggers", "pause", "stock"); got != "Trigger stock paused: its events wait.\n" {
		t.Errorf("printed %q", got)
	}
	// Following the empty listing shows what comes, changes and goes.
	follower := p.command(t, "events", "tail", "--trigger", "stock", "--output", "json")
	stdout, err := follower.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	followed := bufio.NewScanner(stdout)
	follow := func() (event wire.Event) {
		t.Helper()
		if !followed.Scan() {
			t.Fatal("following ended")
		}
		if err := json.Unmarshal(followed.Bytes(), &event); err != nil {
			t.Fatalf("followed %q: %v", followed.Text(), err)
		}
		return event
	}
	p.must(t, "kv", "put", "stock", "apples", "1")
	event := follow()
	if event.State != "waiting" || event.Source != "kv" || event.Operation != "create" {
		t.Errorf("followed %+v", event)
	}
	if table := p.must(t, "events", "list", "--source", "kv", "--state", "waiting", "--trigger", "stock"); !regexp.MustCompile(
		`^ID +STATE +SOURCE +OPERATION +FOR +ATTEMPTS +DUE +PAYLOAD\n` + event.ID + ` +waiting +kv +create +stock +0 +\d{4}-.*apples.*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	if events := decode[[]wire.Event](t, p, "events", "list", "--state", "retrying"); len(events) != 0 {
		t.Errorf("events that retry are %+v", events)
	}
	if shown := p.must(t, "events", "show", event.ID); !regexp.MustCompile(`(?m)^PAYLOAD +\{.*"key":"apples".*\}$`).MatchString(shown) {
		t.Errorf("shown is\n%s", shown)
	}
	p.must(t, "events", "retry", event.ID)
	if got := p.must(t, "events", "delete", "--yes", event.ID); got != "Event "+event.ID+" deleted.\n" {
		t.Errorf("printed %q", got)
	}
	p.fails(t, exitFailed, "event not found", "events", "show", event.ID)
	if gone := follow(); gone.ID != event.ID || gone.State != "gone" {
		t.Errorf("followed %+v, want that %s is gone", gone, event.ID)
	}
	if err := follower.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if followed.Scan() {
		t.Errorf("followed %q, want nothing more", followed.Text())
	}
	if err := follower.Wait(); err != nil {
		t.Errorf("following ended with %v, want success after an interrupt", err)
	}

	p.must(t, "events", "pause")
	p.must(t, "triggers", "resume", "stock")
	p.must(t, "kv", "put", "stock", "apples", "2")
	if events := decode[[]wire.Event](t, p, "events", "list"); len(events) != 1 || events[0].Operation != "update" {
		t.Errorf("events = %+v, want one that waits", events)
	}
	p.must(t, "events", "resume")
	p.seen(t, "kv")
	p.fails(t, exitUsage, "--limit must be at least 1, got 0", "events", "tail", "--limit", "0")
	p.fails(t, exitUsage, "--state must be one of", "events", "list", "--state", "done")
}

func TestQueueAndDeadLetterCommands(t *testing.T) {
	p := listening(t)
	p.write(t, "message.json", `{"to":"ada"}`)
	p.must(t, "queues", "push", "mail/out", "@message.json", "--key", "ada", "--delay", "1h")
	p.must(t, "queues", "push", "mail/out", "-5", "--dedupe", "five")
	p.fails(t, exitUsage, "MESSAGE must be JSON", "queues", "push", "mail/out", "hello")
	p.fails(t, exitFailed, "needs a key", "queues", "push", "mail/out", "1", "--debounce", "1s")
	p.fails(t, exitUsage, "topic must be 1 to 512 bytes, got 0", "queues", "messages", "")
	if table := p.must(t, "queues", "list"); !regexp.MustCompile(`^TOPIC +WAITING +RUNNING +OLDEST +DONE/S +CONSUMER\nmail/out +2 +0 +\d+s +0\.0 *\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	messages := decode[[]wire.Event](t, p, "queues", "messages", "mail/out")
	if len(messages) != 2 || messages[0].Key != "ada" || messages[0].Topic != "mail/out" || messages[0].Payload != nil || messages[0].PayloadStart != `{"message":{"to":"ada"}}` {
		t.Errorf("messages = %+v", messages)
	}
	p.fails(t, exitUsage, "Delete the messages of the topic mail/out that wait? Standard input is not a terminal to ask on: pass --yes", "queues", "clear", "mail/out")
	if got := p.must(t, "queues", "clear", "mail/out", "--yes"); got != "2 messages deleted.\n" {
		t.Errorf("printed %q", got)
	}

	p.must(t, "triggers", "create", "queue", "--script", "fail", "--name", "mailer", "--topic", "mail/out", "--max-attempts", "1")
	unresolved := func(want int) (letters []wire.DeadLetter) {
		t.Helper()
		require.Eventually(t, func() bool {
			letters = decode[[]wire.DeadLetter](t, p, "dead-letters", "list", "--unresolved", "--trigger", "mailer", "--script", "fail", "--source", "queue")
			return len(letters) == want
		}, patience, 50*time.Millisecond, "not %d dead letters", want)
		return letters
	}
	p.must(t, "queues", "push", "mail/out", "1")
	letter := unresolved(1)[0]
	if table := p.must(t, "dead-letters", "list"); !regexp.MustCompile(
		`^ID +SOURCE +TRIGGER +ATTEMPTS +LAST +RESOLUTION +ERROR\n` + letter.ID + ` +queue +mailer +1 +\d{4}-.* +none +.*no such luck.*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	if shown := p.must(t, "dead-letters", "show", letter.ID); !regexp.MustCompile(`(?m)^TOPIC +mail/out$`).MatchString(shown) {
		t.Errorf("shown is\n%s", shown)
	}

	p.fails(t, exitUsage, "which? Pass an id, --source, --trigger, --script or --all", "dead-letters", "replay")
	p.fails(t, exitUsage, "an id stands alone", "dead-letters", "replay", letter.ID, "--all")
	p.must(t, "dead-letters", "replay", letter.ID)
	if shown := decode[wire.DeadLetter](t, p, "dead-letters", "show", letter.ID); shown.Resolution != "replayed" || shown.ResolvedBy != "admin" {
		t.Errorf("dead letter = %+v", shown)
	}
	letter = unresolved(1)[0] // it failed again
	if got := p.must(t, "dead-letters", "resolve", letter.ID); got != "Dead letter "+letter.ID+" resolved: ignored.\n" {
		t.Errorf("printed %q", got)
	}
	p.must(t, "queues", "push", "mail/out", "2")
	unresolved(1)
	if got := p.must(t, "dead-letters", "replay", "--trigger", "mailer"); got != "1 dead letters replayed.\n" {
		t.Errorf("printed %q", got)
	}
	unresolved(1)
	if got := p.must(t, "dead-letters", "delete", "--yes", unresolved(1)[0].ID); !strings.HasSuffix(got, " deleted.\n") {
		t.Errorf("printed %q", got)
	}
	p.fails(t, exitUsage, "Delete the dead letters of default, of the source queue, of the trigger mailer? Standard input is not a terminal",
		"dead-letters", "purge", "--source", "queue", "--trigger", "mailer", "--resolved")
	if got := p.must(t, "dead-letters", "purge", "--yes"); got != "0 dead letters deleted.\n" {
		t.Errorf("printed %q", got)
	}
	if got := p.must(t, "dead-letters", "purge", "--yes", "--resolved"); got != "3 dead letters deleted.\n" {
		t.Errorf("printed %q", got)
	}
}

// A picloud.yaml has the triggers and topics of an app, too, and deploying again changes nothing.
func TestDeployTriggers(t *testing.T) {
	p, _ := loggedIn(t)
	const head = "app: shop\nscripts: [{name: keep}, {name: other, file: keep.rhai}]\n"
	p.write(t, "shop/keep.rhai", `kv::collection("seen").set(ctx.event.source, ctx.event);`)
	p.write(t, "shop/picloud.yaml", head+`triggers:
  - {name: failed, kind: dead_letter, script: other, source: queue, failed_trigger: mailer, failed_script: keep}
  - {name: stock, kind: kv, script: keep, collection: 'st*', operations: [update, create], filter: {n: {$gt: 1.5}}}
  - {name: orders, kind: docs, script: keep, collection: orders}
  - {name: pictures, kind: files, script: keep, collection: '*'}
  - {name: nightly, kind: cron, script: keep, schedule: 0 3 * * *, timezone: Europe/Zurich, catch_up: skip, enabled: false}
  - {name: mailer, kind: queue, script: keep, topic: mail, max_batch: 5, max_wait_ms: 100, ordered: true}
  - {name: news, kind: pubsub, script: keep, topic: 'news.*', retry: {max_attempts: 2, backoff: constant, base_ms: 5, max_ms: 50, jitter: 0}, concurrency: 9}
`)
	triggers := func(args ...string) string {
		t.Helper()
		var lines []string
		for _, c := range decode[[]change](t, p, append([]string{"deploy", "shop"}, args...)...) {
			if c.What == "trigger" {
				lines = append(lines, c.Name+" "+c.Result)
			}
		}
		return strings.Join(lines, ", ")
	}
	check := func(step, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s\nwant %s", step, got, want)
		}
	}
	check("first deploy", triggers(), "stock created, orders created, pictures created, nightly created, mailer created, news created, failed created")
	check("again", triggers(), "stock unchanged, orders unchanged, pictures unchanged, nightly unchanged, mailer unchanged, news unchanged, failed unchanged")
	p.must(t, "kv", "put", "stock", "apples", `{"n":2}`, "--app", "shop")
	require.Eventually(t, func() bool { return p.run(t, "", "kv", "get", "seen", "kv", "--app", "shop").status == exitOK }, patience, 50*time.Millisecond)

	// What a deploy does not speak of stays as it is.
	p.must(t, "triggers", "update", "orders", "--concurrency", "7", "--app", "shop")
	p.must(t, "triggers", "pause", "orders", "--app", "shop")
	p.write(t, "shop/picloud.yaml", head+"triggers:\n  - {name: orders, kind: docs, script: other, collection: orders}\n  - {name: stock, kind: kv, script: keep, collection: stock}\n")
	check("dry run", triggers("--dry-run"), "orders updated, stock updated, failed left, mailer left, news left, nightly left, pictures left")
	check("after a change", triggers(), "orders updated, stock updated")
	orders := decode[wire.Trigger](t, p, "triggers", "show", "orders", "--app", "shop")
	if orders.Concurrency != 7 || !orders.Paused {
		t.Errorf("trigger = %+v, want it paused, with the concurrency that it had", orders)
	}
	check("with --prune", triggers("--prune", "--yes"), "failed deleted, mailer deleted, news deleted, nightly deleted, pictures deleted, orders unchanged, stock unchanged")
	var names []string
	for _, trigger := range decode[[]wire.Trigger](t, p, "triggers", "list", "--app", "shop") {
		names = append(names, trigger.Name)
	}
	if !slices.Equal(names, []string{"orders", "stock"}) {
		t.Errorf("triggers are %q", names)
	}
	p.write(t, "shop/picloud.yaml", head+"triggers:\n  - name: x\n    shedule: '@daily'\n")
	p.fails(t, exitUsage, "line 5: field shedule is not known here", "deploy", "shop")
	p.write(t, "shop/picloud.yaml", head+"triggers:\n  - {name: orders, kind: kv, script: keep, collection: c}\n")
	p.fails(t, exitFailed, "trigger orders: is deployed as one of docs: delete it first", "deploy", "shop")

	p.write(t, "shop/picloud.yaml", head+"topics:\n  - {topic: news, access: public}\n  - {topic: mine}\n")
	p.must(t, "deploy", "shop")
	p.write(t, "shop/picloud.yaml", head+"topics:\n  - {topic: mine, access: public}\n")
	p.must(t, "deploy", "shop", "--prune", "--yes")
	if topics := decode[[]wire.Topic](t, p, "topics", "list", "--app", "shop"); len(topics) != 1 || topics[0].Topic != "mine" || topics[0].Access != "public" {
		t.Errorf("topics are %+v, want mine for anybody", topics)
	}
}

// The picloud.yaml of the README's events can be deployed as it stands.
func TestManifestOfREADME(t *testing.T) {
	p, _ := loggedIn(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n### Events\n")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	text, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("README.md has no picloud.yaml")
	}
	p.write(t, "shop/picloud.yaml", text)
	for _, name := range []string{"orders", "mail", "alarm"} {
		p.write(t, "shop/"+name+".rhai", "1")
	}
	p.must(t, "deploy", "shop")
	if got := p.must(t, "deploy", "shop"); strings.Count(got, "trigger ") != 5 || strings.Count(got, "unchanged") != 3+5+1+1 {
		t.Errorf("deployed again it prints\n%s", got)
	}
}
