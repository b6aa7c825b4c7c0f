package pusher

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Message is one message of the protocol. Data is JSON, or JSON within a JSON
// string: Reverb sends the second, clients send the first.
type Message struct {
	Event   string          `json:"event"`
	Channel string          `json:"channel,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Parse reads a message. The error says what is wrong with the text.
func Parse(text []byte) (m Message, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, fmt.Errorf("got %.64q, want a message in JSON: %w", text, err)
	}
	return m, nil
}

// Into reads the data, whichever of the two ways it is written.
func (m Message) Into(v any) error {
	data := []byte(m.Data)
	var inner string
	if json.Unmarshal(data, &inner) == nil {
		data = []byte(inner)
	}
	if len(data) == 0 {
		return errors.New("got no data")
	}
	return json.Unmarshal(data, v)
}

// Error is what a pusher:error says. It is an error.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s %d: %s", EventError, e.Code, e.Message) }

// Error is what the message complains of, or nil when it is no pusher:error.
// What cannot be read of it stays zero.
func (m Message) Error() *Error {
	if m.Event != EventError {
		return nil
	}
	e := &Error{}
	_ = m.Into(e)
	return e
}
