package events

import "encoding/json"

// credentialHeaders hold what lets whoever has it do as the client may: their values are for the handler of a
// call alone.
var credentialHeaders = []string{"authorization", "cookie", "proxy-authorization"}

// mask stands for the value of a credential.
const mask = "***"

// Masked returns the payload of an event as people may see it: without the credentials that the client of an
// asynchronous route sent in headers. It is the payload itself if there are none.
func Masked(payload json.RawMessage) json.RawMessage {
	var p Payload
	if json.Unmarshal(payload, &p) != nil || p.Call == nil || p.Call.Request == nil {
		return payload
	}
	found := false
	for _, name := range credentialHeaders {
		for i := range p.Call.Request.Headers[name] {
			p.Call.Request.Headers[name][i], found = mask, true
		}
	}
	if !found {
		return payload
	}
	return encode(p)
}
