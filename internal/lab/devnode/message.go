package devnode

import (
	"bytes"
	"encoding/json"
)

// message is one message of the Pusher protocol, in the order in which Reverb
// writes it. Data is what it was: text in JSON for all that Reverb sends itself.
type message struct {
	Event   string          `json:"event"`
	Data    json.RawMessage `json:"data,omitempty"`
	Channel string          `json:"channel,omitempty"`
	UserID  json.RawMessage `json:"user_id,omitempty"` // of a client event on a presence channel
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
	errRate      = protocolError{4301, "Rate limit exceeded"}
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

// structure takes an object or a list, which may be JSON within a JSON text, or
// nothing, and fails for other JSON.
func structure(data json.RawMessage) (json.RawMessage, bool) {
	var text string
	if json.Unmarshal(data, &text) == nil && json.Valid([]byte(text)) {
		data = []byte(text)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return json.RawMessage("null"), true
	}
	return data, data[0] == '{' || data[0] == '[' || string(data) == "null"
}
