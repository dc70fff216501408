package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// ScriptsCasesCmd is `picloud scripts cases`.
type ScriptsCasesCmd struct {
	ScriptArg
	Execute bool   `name:"run" xor:"what" help:"Run all of them, and tell which do not answer as they should."`
	Set     string `xor:"what" placeholder:"FILE" help:"Replace them by those of a file, as --output json lists them; - is standard input." complete:"files"`
}

// Help is shown by --help.
func (ScriptsCasesCmd) Help() string {
	return `A case is a request or an event, and the status or the body that should come of it, if
any is told. The run panel of the dashboard saves them, too. With --run the exit status
is 1 if one does not answer as it should. They run as any execution, on the data of the
app.`
}

// errCasesFailed is what the command fails with when it has told of all failures.
var errCasesFailed = errors.New("cases have failed")

var caseColumns = []column[wire.ScriptCase]{
	{"NAME", func(c wire.ScriptCase) string { return c.Name }},
	{"WITH", func(c wire.ScriptCase) string {
		switch {
		case c.Event != nil:
			return "event"
		case c.Request == nil:
			return "GET /"
		}
		return cmp.Or(c.Request.Method, "GET") + " " + cmp.Or(c.Request.Path, "/")
	}},
	{"STATUS", func(c wire.ScriptCase) string {
		if c.Status == 0 {
			return ""
		}
		return strconv.Itoa(c.Status)
	}},
	{"BODY", func(c wire.ScriptCase) string { return string(c.Body) }},
}

// Run lists, runs or replaces the cases.
func (cmd *ScriptsCasesCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	if cmd.Set != "" {
		return cmd.set(ctx, r, c, script)
	}
	cases, err := c.ScriptCases(ctx, script.ID)
	if err != nil {
		return err
	}
	if !cmd.Execute {
		return printAll(r, cases.Items, caseColumns)
	}
	return runCases(ctx, r, c, script, cases.Items)
}

func (cmd *ScriptsCasesCmd) set(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	from := cmd.Set
	if from != "-" {
		from = "@" + from
	}
	text, err := readData(from, r.stdin)
	if err != nil {
		return &usageError{fmt.Errorf("--set: %w", err)}
	}
	var set wire.ScriptCasesSet
	if err := json.Unmarshal(text, &set.Items); err != nil {
		return &usageError{fmt.Errorf("--set: must be a JSON array of cases: %w", err)}
	}
	if set.Items == nil {
		set.Items = []wire.ScriptCase{}
	}
	cases, err := c.SetScriptCases(ctx, script.ID, set)
	if err != nil {
		return err
	}
	return r.printDone(cases.Items, "Script %s has %s.", script.Name, plural(len(cases.Items), "case"))
}

// caseResult is what has come of a case.
type caseResult struct {
	Name        string `json:"name"`
	OK          bool   `json:"ok"`
	Reason      string `json:"reason,omitempty"` // why it is not
	Status      int    `json:"status"`
	DurationUS  int64  `json:"duration_us"`
	ExecutionID string `json:"execution_id"`
}

var caseResultColumns = []column[caseResult]{
	{"RESULT", func(c caseResult) string {
		if c.OK {
			return "ok"
		}
		return "failed"
	}},
	{"NAME", func(c caseResult) string { return c.Name }},
	{"STATUS", func(c caseResult) string { return strconv.Itoa(c.Status) }},
	{"TOOK", func(c caseResult) string { return (time.Duration(c.DurationUS) * time.Microsecond).String() }},
	{"REASON", func(c caseResult) string { return c.Reason }},
}

func runCases(ctx context.Context, r *Remote, c *client.Client, script wire.Script, cases []wire.ScriptCase) error {
	results, failed := []caseResult{}, false
	for _, of := range cases {
		ran, err := c.Run(ctx, script.ID, wire.RunRequest{Request: of.Request, Event: of.Event})
		if err != nil {
			return fmt.Errorf("%s: %w", of.Name, err)
		}
		reason := unlike(of, ran)
		failed = failed || reason != ""
		results = append(results, caseResult{of.Name, reason == "", reason, ran.Status, ran.DurationUS, ran.ExecutionID})
	}
	if err := printAll(r, results, caseResultColumns); err != nil {
		return err
	}
	if failed {
		return errCasesFailed
	}
	return nil
}

// unlike tells in what an answer is not as a case would have it; "" for nothing. Where the case says nothing of the
// status, the script must not fail.
func unlike(of wire.ScriptCase, ran wire.RunResult) string {
	switch {
	case of.Status != 0 && ran.Status != of.Status:
		return fmt.Sprintf("the status should be %d", of.Status)
	case of.Status == 0 && ran.Error != nil:
		return ran.Error.Message
	case of.Body != nil && !sameJSON(of.Body, ran.Body):
		return "the body should be another: " + string(of.Body)
	}
	return ""
}

// sameJSON reports whether two texts are the same value. Numbers are compared as they are written.
func sameJSON(a, b json.RawMessage) bool {
	va, errA := exactly(a)
	vb, errB := exactly(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

// exactly reads JSON without rounding its numbers.
func exactly(text json.RawMessage) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}
