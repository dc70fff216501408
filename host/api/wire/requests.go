package wire

import "time"

// AnsweredRequest is a request to an app that a node has answered.
type AnsweredRequest struct {
	At          time.Time `json:"at" doc:"When it had been answered"`
	Method      string    `json:"method"`
	Host        string    `json:"host"`
	Path        string    `json:"path" doc:"As it was sent, without the query"`
	Status      int       `json:"status" doc:"Answered"`
	DurationUS  int64     `json:"duration_us" doc:"Microseconds; of a streamed answer until its head was known"`
	ExecutionID string    `json:"execution_id,omitempty" doc:"Absent if nothing was executed"`
}

// AnsweredRequests are those since a number.
type AnsweredRequests struct {
	Items []AnsweredRequest `json:"items" doc:"The oldest first"`
	Next  int64             `json:"next" doc:"What to ask for next"`
}
