// Package pubsub publishes messages to whoever listens to a topic.
package pubsub

import "github.com/picloud/picloud/guest-sdk/internal/host"

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
