package wire

import "time"

// AbandonedExecution is an execution for a node that runs no scripts, whose answer nobody has had.
type AbandonedExecution struct {
	ID          string    `json:"id" doc:"Of the execution, which has a record of its own unless it was not run or lost"`
	AppID       string    `json:"app_id"`
	ScriptID    string    `json:"script_id"`
	RequestID   string    `json:"request_id"`
	Reason      string    `json:"reason" enum:"client_gone,timeout,node_stopped,node_gone,not_run,lost" doc:"The client has closed its connection; there was no answer in time; the node that asked was stopped, or is gone; no node has run it; or the node that ran it is gone, and what it has done is not known"`
	Outcome     string    `json:"outcome" doc:"ok, or the code of the error; empty if there is none"`
	Status      int       `json:"status" doc:"HTTP status that would have been answered; 0 if there is none"`
	AskedAt     time.Time `json:"asked_at"`
	AbandonedAt time.Time `json:"abandoned_at"`
}
