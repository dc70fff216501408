package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	made "github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/host/store"
)

const madeBy = "Made by go generate ./host/reference: change what it is made of."

// pages returns the pages that are made, by name.
func pages(s sdk) map[string]string {
	all := map[string]string{"limits": limits(), "errors": failures(), "rhai": rhai(s), "index": index(s)}
	for _, m := range s.Modules {
		all[m.Name] = module(m)
	}
	for name, text := range all {
		all[name] = "<!-- " + madeBy + " -->\n\n" + text
	}
	return all
}

// index lists all pages, and all functions with the places where they are told about.
func index(s sdk) string {
	var b strings.Builder
	b.WriteString("# Reference\n\nWhat scripts can use, in version " + s.Version + " of the SDK. `picloud help NAME` shows any of it: `picloud help kv.set`.\n")
	b.WriteString("\n## Subjects\n\n| page | |\n|---|---|\n")
	for _, p := range made.Subjects {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", p.Name, p.Name, p.Title)
	}
	b.WriteString("\n## Modules and functions\n\n| page | | |\n|---|---|---|\n")
	for _, m := range s.Modules {
		var links []string
		for _, it := range m.Items {
			if it.Kind != "property" {
				links = append(links, fmt.Sprintf("[%s](%s.md#%s)", it.Name, m.Name, it.Name))
			}
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", m.Name, m.Name, m.Title, strings.Join(links, " "))
	}
	return b.String()
}

func module(m made.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n", m.Name, m.Title, m.About)
	properties(&b, m.Items)
	if slices.ContainsFunc(m.Items, func(it made.Item) bool { return it.Kind != "property" }) {
		b.WriteString("\n| function | |\n|---|---|\n")
	}
	for _, it := range m.Items {
		if it.Kind != "property" {
			fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", it.Name, it.Name, it.Says)
		}
	}
	if slices.ContainsFunc(m.Items, func(it made.Item) bool { return it.Capability != "" }) {
		b.WriteString("\nBeside what is told here, each function may fail as [all may](errors.md#in-scripts).\n")
	}
	for _, it := range m.Items {
		if it.Kind != "property" {
			b.WriteString("\n" + it.Markdown(2))
		}
	}
	return b.String()
}

// properties writes tables of the properties: one for each map that they are in.
func properties(b *strings.Builder, items []made.Item) {
	for _, group := range []string{"", "request.", "event."} {
		var printing string
		var examples []string
		first := true
		for _, it := range items {
			prefix := ""
			if before, _, within := strings.Cut(it.Name, "."); within {
				prefix = before + "."
			}
			if it.Kind != "property" || prefix != group {
				continue
			}
			if first && group != "" {
				fmt.Fprintf(b, "\n## %s\n", strings.TrimSuffix(group, "."))
			}
			if first {
				b.WriteString("\n| property | type | |\n|---|---|---|\n")
				first = false
			}
			fmt.Fprintf(b, "| `ctx.%s` | %s | %s |\n", it.Name, strings.ReplaceAll(it.Returns, " | ", " or "), strings.ReplaceAll(it.Says, "|", "\\|"))
			switch {
			case strings.Contains(it.Example, "// answers "): // which a script does once
				examples = append(examples, it.Example)
			case it.Example != "":
				printing += it.Example + "\n"
			}
		}
		if printing != "" {
			examples = slices.Insert(examples, 0, strings.TrimSuffix(printing, "\n"))
		}
		for _, example := range examples {
			fmt.Fprintf(b, "\n```rhai\n%s\n```\n", aligned(example))
		}
	}
}

// aligned has the comments at the ends of lines begin in one column.
func aligned(code string) string {
	lines, column := strings.Split(code, "\n"), 0
	for _, line := range lines {
		if before, _, found := strings.Cut(line, " //"); found {
			column = max(column, len(strings.TrimRight(before, " "))+2)
		}
	}
	for i, line := range lines {
		if before, comment, found := strings.Cut(line, " //"); found {
			lines[i] = fmt.Sprintf("%-*s //%s", column, strings.TrimRight(before, " "), comment)
		}
	}
	return strings.Join(lines, "\n")
}

func rhai(s sdk) string {
	var b strings.Builder
	b.WriteString("# Rhai's own functions\n\n" +
		"The language is [Rhai](https://rhai.rs/book/) as of its version 1.24, with the standard packages of its default engine. Functions may be written as\n" +
		"methods, `len(x)` or `x.len()`; those that are marked with a dot can be read as properties, too: `x.len`. What differs from Rhai is on the page\n[differences](differences.md).\n")
	group := ""
	for _, f := range s.Standard {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n## %s\n\n| function | |\n|---|---|\n", group)
		}
		dot := ""
		if f.Property {
			dot = "."
		}
		calls := make([]string, len(f.Calls))
		for i, c := range f.Calls {
			calls[i] = "`" + strings.ReplaceAll(c, "|", "\\|") + "`"
		}
		fmt.Fprintf(&b, "| %s%s | %s |\n", strings.Join(calls, ", "), dot, f.Says)
	}
	return b.String()
}

// limitSays tells what each of a script's limits bounds.
var limitSays = map[string]string{
	"max_operations":  "operations: steps of the interpreter, and the work of functions in proportion",
	"max_call_levels": "calls of functions within one another",
	"max_string_size": "bytes of one string",
	"max_array_size":  "items of one array",
	"max_blob_size":   "bytes of one blob",
	"max_map_size":    "properties of one map",
	"max_modules":     "modules that are imported, in all",
	"memory_mb":       "MiB of memory",
	"timeout_ms":      "milliseconds from the beginning to the end",
}

func limits() string {
	var b strings.Builder
	b.WriteString("# Limits\n\n## Of a script\n\n" +
		"Each can be set for a script, as `limits` in `picloud.yaml` or over the API, up to a ceiling that is the operator's. Who exceeds one is ended: the answer is 507\n" +
		"`limit_exceeded`, or 504 `timeout`.\n\n| limit | default | ceiling | bounds |\n|---|---|---|---|\n")
	defaults, ceiling := reflect.ValueOf(abi.DefaultLimits), reflect.ValueOf(abi.DefaultCeiling)
	for i := range defaults.NumField() {
		name, _, _ := strings.Cut(defaults.Type().Field(i).Tag.Get("json"), ",")
		if limitSays[name] == "" {
			panic("limitSays does not tell what " + name + " bounds")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, number(defaults.Field(i).Int()), number(ceiling.Field(i).Int()), limitSays[name])
	}
	b.WriteString("\n## Of what is kept and sent\n\n| what | at most |\n|---|---|\n")
	for _, row := range []struct {
		what string
		most int64
		unit string
	}{
		{"a message of a queue or topic, or the arguments of `invoke_async`", abi.MaxMessageBytes, " bytes of JSON"},
		{"the name of a topic, a `key` or a `dedupe`", abi.MaxTopicBytes, " bytes"},
		{"messages in one `push_all`", abi.MaxPushMessages, ""},
		{"`delay_ms` and `debounce_ms`", abi.MaxDelayMillis, " ms, thirty days"},
		{"the life of a subscriber's token", abi.MaxTokenMillis, " ms, a day"},
		{"`invoke` within `invoke`", abi.MaxInvokeDepth, ""},
		{"files of a form in `ctx.request.form`", abi.MaxFormData, " bytes"},
		{"a value of `kv`", kv.MaxValueBytes, " bytes of JSON"},
		{"a document", docs.MaxDataBytes, " bytes of JSON"},
		{"indexes of a collection of documents", store.MaxIndexes, ""},
		{"indexes of documents in an app", store.MaxAppIndexes, ""},
		{"the name of a collection", store.MaxCollectionBytes, " bytes"},
		{"a key of `kv`", kv.MaxKeyBytes, " bytes"},
		{"what a script reads of a file at once", files.MaxGetBytes, " bytes, and its `max_blob_size`"},
		{"items of a page", store.MaxPageSize, fmt.Sprintf("; %d unless `limit` says otherwise", store.DefaultPageSize)},
		{"how deep the data of an event nest", events.MaxDataDepth, ""},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row.what, number(row.most)+row.unit)
	}
	b.WriteString("\nWhat an app may have in all, as requests a second, processor time and bytes, `picloud quota show` tells.\n")
	return b.String()
}

// number writes a number with commas between thousands.
func number(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// inScripts are the codes of operations that fail, in the order of package abi.
var inScripts = []struct {
	code abi.OpCode
	says string
}{
	{abi.OpCodeInvalid, "An argument is missing, malformed or over a limit; the message names it."},
	{abi.OpCodeDenied, "The execution does not have the capability. A script with `read_only` changes nothing."},
	{abi.OpCodeNotFound, "There is no such thing in the app."},
	{abi.OpCodeConflict, "It is at another version than the one expected, or something is in the way."},
	{abi.OpCodeCorrupted, "Stored bytes are not what was stored."},
	{abi.OpCodeQuota, "The app may keep no more."},
	{abi.OpCodeUnreachable, "Another server cannot be reached."},
	{abi.OpCodeTimeout, "It took longer than it may."},
	{abi.OpCodeCancelled, "The execution has been ended."},
	{abi.OpCodeUnavailable, "The storage fails just now: try again."},
	{abi.OpCodeFailed, "What was invoked failed, or does not compile."},
	{abi.OpCodeLimit, "What was invoked exceeded a limit, or too many are nested."},
	{abi.OpCodeInternal, "A fault of the server; its log tells more."},
}

func failures() string {
	var b strings.Builder
	b.WriteString("# Errors\n\n## In scripts\n\n" +
		"What fails throws. `catch` sees a map of an error: `code` is for programs, `message` for people, `operation` what failed, `line` and `position` where.\n\n" +
		"```rhai\ntry {\n    kv::collection(\"visits\").set(\"home\", 1, #{ttl_ms: 0});\n} catch (e) {\n    print(e.code);      // prints invalid\n    print(e.message);   // prints kv.set: ttl_ms: must be …\n}\n```\n\n" +
		"Any function may fail with `invalid`, and those that need a capability or the storage with `denied`, `unavailable`, `cancelled` and `internal`, too; their pages tell of the\nothers. An argument of a wrong type is Rhai's own error, *Function not found*, and the message says what there is.\n\n" +
		"| `code` | |\n|---|---|\n")
	for _, row := range inScripts {
		fmt.Fprintf(&b, "| `%s` | %s |\n", row.code, row.says)
	}
	b.WriteString("\nA script that handles an event and fails is tried again as its trigger says. It may say itself what becomes of the event, by a map that it throws:\n\n" +
		"| thrown | |\n|---|---|\n| `#{retry_after_ms: 5000}` | the next attempt is not made before |\n| `#{dead_letter: true}` | there is no further attempt: the event is a dead letter |\n" +
		"\nA `message` in it is what the log says.\n")
	b.WriteString("\n## Of executions\n\nHow an execution ends that has no value, and what a client of its route is answered: `{\"error\": {\"code\", \"message\", \"execution_id\"}}`. Who may\nread the log gets the message, others a general one.\n\n| `code` | status | |\n|---|---|---|\n")
	for _, row := range []struct {
		code abi.ErrorCode
		says string
	}{
		{abi.CodeScriptInvalid, "It does not compile, or imports what there is not."},
		{abi.CodeScriptError, "It threw what nobody caught, or its response is not as it must be."},
		{abi.CodeOverloaded, "Too many executions at once: try again."},
		{abi.CodeTimeout, "It took longer than its `timeout_ms`."},
		{abi.CodeLimitExceeded, "It exceeded another of its [limits](limits.md)."},
		{abi.CodeInternal, "A fault of the server; its log tells more."},
	} {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", row.code, fault.OfScript(row.code).Status(), row.says)
	}
	b.WriteString("\n## Of the API\n\nErrors of the API are problems of RFC 9457, with a `code` and, where a value is wrong, `errors` that name each.\n\n| `code` | status | |\n|---|---|---|\n")
	told := map[string]bool{}
	for _, code := range fault.Codes() {
		if name := code.String(); !told[name] {
			told[name] = true
			fmt.Fprintf(&b, "| `%s` | %d | %s |\n", name, code.Status(), code.Meaning())
		}
	}
	return b.String()
}
