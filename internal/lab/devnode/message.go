package devnode

import (
	"encoding/json"
	"strings"
)

// message is one message of the Pusher protocol. Data is what it was: text in
// JSON for all that Reverb sends itself.
type message struct {
	Event   string          `json:"event"`
	Channel string          `json:"channel,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// protocolError is what a client is told in a pusher:error.
type protocolError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Reverb's errors.
var (
	errNoApp     = protocolError{4001, "Application does not exist"}
	errQuota     = protocolError{4004, "Application is over connection quota"}
	errOrigin    = protocolError{4009, "Origin not allowed"}
	errAuth      = protocolError{4009, "Connection is unauthorized"}
	errNoMember  = protocolError{4009, "The client is not a member of the specified channel."}
	errFormat    = protocolError{4200, "Invalid message format"}
	errNotPonged = protocolError{4201, "Pong reply not received in time"}
)

// encode returns the message with the data as a JSON text inside it; nil data
// is left out.
func encode(event, channel string, data any) []byte {
	m := message{Event: event, Channel: channel}
	if data != nil {
		inner, _ := json.Marshal(data)
		m.Data = quote(string(inner))
	}
	out, _ := json.Marshal(m)
	return out
}

// quote returns the text as JSON.
func quote(text string) json.RawMessage {
	out, _ := json.Marshal(text)
	return out
}

// unwrap takes data that may be JSON itself, or JSON within a JSON text.
func unwrap(data json.RawMessage, into any) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	return json.Unmarshal(data, into)
}

func isPresence(channel string) bool { return strings.HasPrefix(channel, "presence-") }

func isPrivate(channel string) bool {
	return strings.HasPrefix(channel, "private-") || isPresence(channel)
}
