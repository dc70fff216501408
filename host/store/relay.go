package store

import (
	"context"
	"encoding/json"
	"time"
)

// RelayedRequest asks for an execution that another node is to make: that of the client waits for the answer.
type RelayedRequest struct {
	ID        string // that the execution will have
	AppID     string
	ScriptID  string
	RequestID string
	ReplyTo   string        // the node that asks
	Wait      time.Duration // for [Relay.Ask]: so long it waits
	Tries     int           // how often a node has taken it, this time too
	Payload   json.RawMessage
}

// RelayedAnswer is how an execution for another node ended.
type RelayedAnswer struct {
	ID      string
	Token   string // for [Relay.Answer]: under which it was taken
	Outcome string // ok, or the code of the error
	Status  int    // of HTTP
	Payload json.RawMessage

	// Of the request; set by [Relay.Answers].
	AppID     string
	ScriptID  string
	RequestID string
	AskedAt   time.Time
}

// AbandonReason is why nobody has had the answer of an execution.
type AbandonReason string

// The reasons.
const (
	AbandonedByClient AbandonReason = "client_gone"  // the client has closed its connection
	AbandonedInTime   AbandonReason = "timeout"      // the time was over in which there had to be an answer
	AbandonedAtStop   AbandonReason = "node_stopped" // the node that asked was stopped
	AbandonedByNode   AbandonReason = "node_gone"    // the node that asked has not taken the answer
	AbandonedUnrun    AbandonReason = "not_run"      // no node has run it in time, and the one that asked is gone
	AbandonedLost     AbandonReason = "lost"         // the node that ran it is gone; what it has done is not known
)

// AbandonedExecution is an execution for another node whose answer nobody has had.
type AbandonedExecution struct {
	ID          string // of the execution, which has a record of its own unless it was not run or lost
	AppID       string
	ScriptID    string
	RequestID   string
	Reason      AbandonReason
	Outcome     string // ok, or the code of the error; "" if there is none
	Status      int    // that would have been answered; 0 if there is none
	AskedAt     time.Time
	AbandonedAt time.Time
}

// Relay is between nodes that run no scripts and those that do. A request is taken by one node, under a
// lease, and run at most once: what is taken again has only been returned by a node that did not begin it.
// None of it survives a crash of the database, but what was abandoned. Its clock is the database's.
type Relay interface {
	// Ask keeps a request until a node takes it.
	Ask(ctx context.Context, request RelayedRequest) error
	// GiveUp says that nobody waits for a request any more. One that no node has taken is removed. One
	// that runs is abandoned when it ends; one that has ended is now, and then abandoned is true.
	GiveUp(ctx context.Context, id string, why AbandonReason) (abandoned bool, err error)

	// Take takes up to limit requests under a token: of the apps first of which least runs, then those that
	// were due first; see also [MaxClaimBytes].
	Take(ctx context.Context, token string, limit int, lease time.Duration) ([]RelayedRequest, error)
	// Renew makes the lease of a token last for so long from now on, and returns the ids of its requests
	// that somebody still waits for.
	Renew(ctx context.Context, token string, lease time.Duration) (wanted []string, err error)
	// Return gives a request back that was not begun, due after a pause.
	Return(ctx context.Context, id, token string, pause time.Duration) error
	// Answer hands in how a request ended. Nothing happens, and void is true, when it is not under the
	// token any more. When nobody waits for it, it is abandoned.
	Answer(ctx context.Context, answer RelayedAnswer) (void, abandoned bool, err error)

	// Answers takes answers for a node out, the first ones first; see also [MaxClaimBytes].
	Answers(ctx context.Context, node string) ([]RelayedAnswer, error)
	// Abandon keeps an answer that was taken out, and that nobody waits for, as abandoned.
	Abandon(ctx context.Context, answer RelayedAnswer, why AbandonReason) error
	// Lost removes the requests of a node whose leases have ended, as abandoned, and returns their ids.
	Lost(ctx context.Context, node string) ([]string, error)
	// Sweep abandons what is of nodes that are gone: up to limit answers that nobody has taken for age,
	// requests that nobody has taken and that were to be answered that long ago, and requests whose
	// leases ended that long ago. It returns their number.
	Sweep(ctx context.Context, age time.Duration, limit int) (int, error)

	// Abandoned pages through the abandoned executions of an app, the newest first.
	Abandoned(ctx context.Context, appID string, page PageRequest) (Page[AbandonedExecution], error)
	// DeleteAbandonedBefore removes up to limit that were abandoned before a time, and returns their
	// number.
	DeleteAbandonedBefore(ctx context.Context, before time.Time, limit int) (int, error)

	// Shared reports whether other processes may use the database.
	Shared() bool
	// AnnounceRequests tells the nodes that run scripts of requests, AnnounceAnswers the others of answers.
	AnnounceRequests(ctx context.Context) error
	AnnounceAnswers(ctx context.Context) error
	// ListenRequests and ListenAnswers call wake whenever a node may have announced something; see
	// [Revisions.Listen].
	ListenRequests(ctx context.Context, wake func()) error
	ListenAnswers(ctx context.Context, wake func()) error
}
