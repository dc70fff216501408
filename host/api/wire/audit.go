package wire

import (
	"encoding/json"
	"time"
)

// AuditEntry tells of one thing that somebody did, or was refused.
type AuditEntry struct {
	ID        string          `json:"id" doc:"UUIDv7"`
	At        time.Time       `json:"at"`
	Actor     string          `json:"actor" enum:"user,key,system,unknown" doc:"Who: a user who is logged in, an API key, the server itself or a command on its machine, or nobody knows"`
	UserID    string          `json:"user_id,omitempty"`
	Username  string          `json:"username,omitempty" doc:"As it was then"`
	APIKey    string          `json:"api_key,omitempty" doc:"Id of the API key"`
	Address   string          `json:"address,omitempty" doc:"Of the client"`
	RequestID string          `json:"request_id,omitempty"`
	Action    string          `json:"action" doc:"An operation's id, as in this document; of the system also the name of a command"`
	Outcome   string          `json:"outcome" enum:"done,refused,failed" doc:"refused is for want of a right, or for a token that does not count; failed a login that failed"`
	Reason    string          `json:"reason,omitempty" doc:"Why it was refused, or failed"`
	Kind      string          `json:"kind,omitempty" doc:"Of the object: app, script, route, kv, docs, ..."`
	Object    string          `json:"object,omitempty" doc:"Id or name of what was changed; of data, collection and key, or of several the collection"`
	AppID     string          `json:"app_id,omitempty"`
	Before    json.RawMessage `json:"before,omitempty" doc:"The object before, without secrets; of a change, what is different; absent: it was not there, or is not recorded"`
	After     json.RawMessage `json:"after,omitempty" doc:"The object afterwards, without secrets; of a change, what is different; absent: it is not there any more, or is not recorded"`
	Truncated bool            `json:"truncated,omitempty" doc:"before or after lacks its largest fields: it has 16 KiB at most"`
	Count     int             `json:"count" minimum:"1" doc:"How often it happened: refusals, and changes of data, that repeat are counted"`
}
