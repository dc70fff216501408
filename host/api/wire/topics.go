package wire

import (
	"encoding/json"
	"time"
)

// Topic is one that can be subscribed to from outside.
type Topic struct {
	AppID     string    `json:"app_id"`
	Topic     string    `json:"topic"`
	Access    string    `json:"access" enum:"public,token" doc:"Who may subscribe: anybody, or who has a token"`
	CreatedAt time.Time `json:"created_at"`
}

// TopicSet is the body of PUT apps/{app}/topics/{topic}.
type TopicSet struct {
	Access string `json:"access" enum:"public,token" doc:"Who may subscribe: anybody, or who has a token"`
}

// MessagePublish is the body of POST apps/{app}/topics/{topic}:publish.
type MessagePublish struct {
	Message json.RawMessage `json:"message" doc:"Any JSON value, up to 256 KiB"`
}

// MessagePublished tells what has come of a message that was published.
type MessagePublished struct {
	Delivered int `json:"delivered" doc:"To how many triggers; who subscribes from outside gets it, too, if the topic is open"`
}

// TokenCreate is the body of POST apps/{app}/topics/{topic}:token.
type TokenCreate struct {
	TTLMS int64 `json:"ttl_ms,omitempty" minimum:"1000" maximum:"86400000" default:"3600000" doc:"How long it lets subscribe, up to a day"`
}

// SubscriberToken lets who has it subscribe to a topic.
type SubscriberToken struct {
	Token     string    `json:"token" doc:"For ?token= or Authorization: Bearer"`
	ExpiresAt time.Time `json:"expires_at" doc:"Streams end then, too"`
}
