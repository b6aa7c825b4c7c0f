package session

import (
	"encoding/json"
	"strings"

	"fermata/internal/pusher"
)

var testApp = &App{ID: "1", Key: "key", Secret: "secret"}

// subscribeAs is a client's message as pusher-js writes it.
func subscribeAs(id, channel, data string) []byte {
	m := map[string]any{"channel": channel, "auth": ""}
	if pusher.IsSigned(channel) {
		m["auth"] = pusher.SignSubscription(testApp.Key, testApp.Secret, id, channel, data)
	}
	if data != "" {
		m["channel_data"] = data
	}
	text, _ := json.Marshal(map[string]any{"event": "pusher:subscribe", "data": m})
	return text
}

// channels are those that a node would be asked for after the one was lost.
func (s *Session) channels() string {
	var names []string
	for of := range s.subscriptions.all() {
		names = append(names, of.channel)
	}
	return strings.Join(names, " ")
}
