package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// Each listing tells what was tried, what is gone, and then what is new or changed.
func TestTail(t *testing.T) {
	var seen tail
	for _, test := range []struct{ listed, ended, news string }{ // events as id:state:attempts; ended as id or id!, which has failed
		{"", "", ""},
		{"1:waiting:0 2:waiting:0", "", "1:waiting:0 2:waiting:0"},
		{"1:waiting:0 2:waiting:0", "", ""},
		{"1:running:0 2:waiting:0 3:waiting:0", "", "1:running:0 3:waiting:0"},
		{"1:retrying:1 3:waiting:0", "1!", "1:failed:1 1:retrying:1"},
		{"1:retrying:2 3:waiting:0", "1!", "1:failed:2 2:gone:0 1:retrying:2"},
		{"3:waiting:0", "7", "7:done:0"},             // 7 was never listed
		{"3:waiting:0", "1", "1:done:2"},             // the record of the attempt came after it had left
		{"", "", ""},                                 // 3 has left
		{"1:waiting:0", "", "3:gone:0 1:waiting:0"},  // and no attempt came
		{"1:running:0", "1", "1:done:0 1:running:0"}, // the record came before it left
		{"", "", ""},
		{"", "", ""},
	} {
		var listed []wire.Event
		for _, text := range strings.Fields(test.listed) {
			part := strings.Split(text, ":")
			listed = append(listed, wire.Event{ID: part[0], State: part[1], Attempts: int(part[2][0] - '0')})
		}
		var news []string
		var ended []wire.Execution
		for _, id := range strings.Fields(test.ended) {
			e := wire.Execution{EventID: strings.TrimSuffix(id, "!")}
			if e.EventID != id {
				e.Error = &abi.ScriptError{Message: "failed"}
			}
			ended = append(ended, e)
		}
		for _, event := range seen.news(listed, ended, true) {
			news = append(news, event.ID+":"+event.State+":"+string(rune('0'+event.Attempts)))
		}
		if !slices.Equal(news, strings.Fields(test.news)) {
			t.Errorf("after the listing %q and %q: %q, want %q", test.listed, test.ended, news, test.news)
		}
	}
}

func TestDescribeTrigger(t *testing.T) {
	for _, test := range []struct {
		trigger wire.Trigger
		want    string
	}{
		{wire.Trigger{Kind: "kv", TriggerDetails: wire.TriggerDetails{Collection: new("c*"), Operations: &[]string{}}}, "c*"},
		{wire.Trigger{Kind: "queue", TriggerDetails: wire.TriggerDetails{Topic: new("t"), MaxBatch: new(1), Ordered: new(false)}}, "t"},
		{wire.Trigger{Kind: "dead_letter", TriggerDetails: wire.TriggerDetails{Source: new(""), FailedTrigger: new(""), FailedScript: new("")}}, "any"},
	} {
		if got := describeTrigger(test.trigger); got != test.want {
			t.Errorf("a trigger of %s is described as %q, want %q", test.trigger.Kind, got, test.want)
		}
	}
}
