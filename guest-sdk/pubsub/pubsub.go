// Package pubsub publishes messages to whoever listens to a topic, and lets others listen.
package pubsub

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Publish hands a message to each trigger that subscribes to a topic, and returns how many do. The name
// of a topic is 1 to 512 bytes of UTF-8 without control characters, a message has at most 256 KiB as
// JSON. Errors are [*sdk.Error]: invalid for what is not allowed, denied without the capability
// AppEventsWrite, quota when too many events wait, and unavailable.
func Publish(topic string, message any) (delivered int, err error) {
	response, err := host.Call[struct {
		Delivered int `json:"delivered"`
	}](host.PubSubPublish, struct {
		Topic   string `json:"topic"`
		Message any    `json:"message"`
	}{topic, message})
	return response.Delivered, err
}

// SubscriberToken makes a token that lets who has it subscribe to a topic from outside for so long, a second
// to 24 hours, and tells when it ends. Errors are [*sdk.Error]: not_found when the topic cannot be
// subscribed to, invalid for what is not allowed, denied without the capability AppEventsWrite, and
// unavailable.
func SubscriberToken(topic string, ttl time.Duration) (token string, end time.Time, err error) {
	response, err := host.Call[struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}](host.PubSubToken, struct {
		Topic string `json:"topic"`
		TTLMS int64  `json:"ttl_ms"`
	}{topic, ttl.Milliseconds()})
	return response.Token, response.ExpiresAt, err
}
