package wire

// Quota is what an app may have.
type Quota struct {
	Limits QuotaLimits `json:"limits" doc:"What counts: what is set, and the server's defaults"`
	Set    QuotaSet    `json:"set" doc:"What an administrator has set for the app"`
}

// QuotaLimits are what an app may have. 0 is no bound.
type QuotaLimits struct {
	RequestsPerSecond int64 `json:"requests_per_second" doc:"By routes and the execute endpoint, on each node"`
	RequestBurst      int64 `json:"request_burst" doc:"Requests that may come at once, on each node"`
	Executions        int64 `json:"executions" doc:"At once, on each node"`
	CPUMillis         int64 `json:"cpu_ms_per_day" doc:"Time for which executions have a processor, on a day (UTC)"`
	KVBytes           int64 `json:"kv_bytes" doc:"Keys and values"`
	DocsBytes         int64 `json:"docs_bytes" doc:"Data of documents, as JSON"`
	FilesBytes        int64 `json:"files_bytes" doc:"Contents of files"`
	LogBytes          int64 `json:"log_bytes_per_day" doc:"Lines of the log, traces and long paths, on a day (UTC)"`
	PendingEvents     int64 `json:"pending_events" doc:"Events that wait"`
}

// QuotaSet is the body of PUT apps/{app}/quota. Of what is absent the server's default counts; 0 is no bound.
type QuotaSet struct {
	RequestsPerSecond *int64 `json:"requests_per_second,omitempty" doc:"By routes and the execute endpoint, on each node"`
	RequestBurst      *int64 `json:"request_burst,omitempty" doc:"Requests that may come at once, on each node; 0: as many as in a second"`
	Executions        *int64 `json:"executions,omitempty" doc:"At once, on each node"`
	CPUMillis         *int64 `json:"cpu_ms_per_day,omitempty" doc:"Time for which executions have a processor, on a day (UTC)"`
	KVBytes           *int64 `json:"kv_bytes,omitempty" doc:"Keys and values"`
	DocsBytes         *int64 `json:"docs_bytes,omitempty" doc:"Data of documents, as JSON"`
	FilesBytes        *int64 `json:"files_bytes,omitempty" doc:"Contents of files"`
	LogBytes          *int64 `json:"log_bytes_per_day,omitempty" doc:"Lines of the log, traces and long paths, on a day (UTC)"`
	PendingEvents     *int64 `json:"pending_events,omitempty" doc:"Events that wait"`
}

// Usage is what an app has of what is bounded.
type Usage struct {
	KV    Used `json:"kv" doc:"Keys and values"`
	Docs  Used `json:"docs" doc:"Data of documents, as JSON"`
	Files Used `json:"files" doc:"Contents of files"`
	Log   Used `json:"log" doc:"Log lines written today (UTC)"`

	CPU        Share `json:"cpu_ms" doc:"Milliseconds for which executions had a processor today (UTC)"`
	Events     Share `json:"pending_events" doc:"Events that wait"`
	Executions Share `json:"executions" doc:"At once, just now, on the node that answers"`
	Requests   Share `json:"requests" doc:"Of the burst, just now, on the node that answers"`

	DeadLetters int64 `json:"dead_letters" doc:"Events that could not be delivered, and about which nobody has decided"`
}

// Used is how many bytes of something there are.
type Used struct {
	Bytes   int64  `json:"bytes"`
	Quota   int64  `json:"quota" doc:"Most bytes there may be; 0: no bound"`
	Warning string `json:"warning,omitempty" doc:"Set when 80 % of the quota are used"`
}

// Share is how much of something else there is.
type Share struct {
	Used    int64  `json:"used"`
	Quota   int64  `json:"quota" doc:"Most there may be; 0: no bound"`
	Warning string `json:"warning,omitempty" doc:"Set when 80 % of the quota are used"`
}
