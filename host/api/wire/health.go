package wire

import "time"

// Health is how the node is that answers.
type Health struct {
	Version       string    `json:"version"`
	Go            string    `json:"go" doc:"The version of Go that it was built with"`
	StartedAt     time.Time `json:"started_at"`
	UptimeSeconds int64     `json:"uptime_seconds"`

	Database   HealthDatabase   `json:"database"`
	Disk       HealthDisk       `json:"disk"`
	Memory     HealthMemory     `json:"memory"`
	Executions HealthExecutions `json:"executions"`
	Caches     HealthCaches     `json:"caches"`
	Clients    HealthClients    `json:"clients"`
	Backlog    HealthBacklog    `json:"backlog"`
}

// HealthDatabase is how the database is.
type HealthDatabase struct {
	Kind      string `json:"kind" enum:"sqlite,postgres"`
	SizeBytes int64  `json:"size_bytes" doc:"With indexes and what is free in it"`
	WriteUS   int64  `json:"write_us" doc:"How long it has just taken to write a row, in microseconds"`
	Error     string `json:"error,omitempty" doc:"Set when the database fails: then its figures, and the pending events, may be 0"`
}

// HealthDisk is what the disk of the data directory has left.
type HealthDisk struct {
	FreeBytes *int64 `json:"free_bytes,omitempty" doc:"Absent where that is not known"`
}

// HealthMemory is the memory of the process.
type HealthMemory struct {
	ResidentBytes *int64 `json:"resident_bytes,omitempty" doc:"Absent where that is not known"`
	HeapBytes     int64  `json:"heap_bytes" doc:"What Go has in use"`
	Goroutines    int64  `json:"goroutines"`
}

// HealthExecutions is what runs.
type HealthExecutions struct {
	Running int64 `json:"running"`
	Limit   int64 `json:"limit" doc:"How many there may be at once"`
	Refused int64 `json:"refused" doc:"Since the start, because there were too many"`
}

// HealthCaches are what is kept to be quick.
type HealthCaches struct {
	Scripts          int64 `json:"scripts" doc:"That are kept ready to run"`
	ScriptBytes      int64 `json:"script_bytes"`
	ScriptHits       int64 `json:"script_hits" doc:"Executions since the start that found their script ready"`
	ScriptMisses     int64 `json:"script_misses" doc:"Executions since the start that did not"`
	MachineCodeBytes int64 `json:"machine_code_bytes" doc:"On disk"`
}

// HealthClients are who is connected.
type HealthClients struct {
	Connections int64 `json:"connections"`
	Subscribers int64 `json:"subscribers" doc:"Of topics, over server-sent events"`
}

// HealthBacklog is what still has to be done, or was given up.
type HealthBacklog struct {
	Events         int64 `json:"events" doc:"Of all apps, that wait or are being delivered"`
	Records        int64 `json:"records" doc:"Executions that are still to be written"`
	RecordsDropped int64 `json:"records_dropped" doc:"Executions and lines given up since the start because the database was too slow"`
}
