package wire

import "time"

// Figures are what was counted of executions.
type Figures struct {
	Executions   int64            `json:"executions"`
	Errors       int64            `json:"errors" doc:"Executions that did not end well"`
	Requests     int64            `json:"requests" doc:"Executions for a route or the execute endpoint; static sites have none"`
	ServerErrors int64            `json:"server_errors" doc:"Requests that were answered with a status of 500 or above"`
	Outcomes     map[string]int64 `json:"outcomes" doc:"Executions by ok, or the code of the error; without those that there were none of"`
	Kinds        map[string]int64 `json:"kinds" doc:"Executions by http, execute, trigger and invoke, likewise"`
	P50US        int64            `json:"p50_us" doc:"So many microseconds half of them took at most, to within a fifth"`
	P90US        int64            `json:"p90_us" doc:"Likewise nine tenths"`
	P99US        int64            `json:"p99_us" doc:"Likewise 99 hundredths"`
	DurationUS   int64            `json:"duration_us" doc:"Microseconds, of all together"`
	CPUUS        int64            `json:"cpu_us" doc:"Microseconds for which they had a processor"`
	LogBytes     int64            `json:"log_bytes" doc:"Of lines of the log, long paths of requests, and traces"`
}

// Point is a piece of time in a series.
type Point struct {
	At time.Time `json:"at" doc:"When it begins"`
	Figures
}

// Span is of what time a series is.
type Span struct {
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	StepSeconds int64     `json:"step_seconds" doc:"The length of the pieces. It may be more than was asked for: pieces of a minute are kept for two days, of an hour for 90, and there are 3,000 of an app at most, about, or 120 of each of several"`
}

// Series is what ran in an app over time.
type Series struct {
	Span
	Points  []Point        `json:"points" doc:"In order, without those in which nothing ran"`
	Total   Figures        `json:"total"`
	Scripts []ScriptTotals `json:"scripts,omitempty" doc:"With by_script: of the 100 scripts that ran most often, of those that are still there, in that order"`
}

// ScriptTotals is what ran of a script.
type ScriptTotals struct {
	ScriptID   string `json:"script_id"`
	ScriptName string `json:"script_name"`
	Figures
}

// AppsSeries is one piece of a listing of what ran in apps over time.
type AppsSeries struct {
	Span
	Items  []AppSeries `json:"items" doc:"In the order of the apps' slugs, 100 at most"`
	Cursor string      `json:"cursor,omitempty" doc:"Pass it as ?cursor= to get the next piece; absent on the last"`
}

// AppSeries is what ran in one app over time.
type AppSeries struct {
	AppID       string  `json:"app_id"`
	Slug        string  `json:"slug"`
	Name        string  `json:"name"`
	Points      []Point `json:"points" doc:"In order, without those in which nothing ran"`
	Total       Figures `json:"total"`
	Running     int64   `json:"running" doc:"Executions just now, on the node that answers"`
	DeadLetters int64   `json:"dead_letters" doc:"Events that could not be delivered, and about which nobody has decided"`
}
