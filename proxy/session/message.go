package session

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"fermata/internal/pusher"
)

// message is one of a node. Its keys are read as they are written: where an app
// lets everybody send client events, a stranger may add an "Event" to one.
type message struct {
	event   string
	channel string
	data    field
}

// readMessage reads what is no message as one without an event.
func readMessage(text []byte) message {
	f, _ := fields(text)
	return message{f.get("event").text(), f.get("channel").text(), f.get("data")}
}

// eventMarker cannot be sent by a client: its name does not begin with "client-".
const eventMarker = "fermata:marker"

// NewChannel returns a random name for the channel of markers. Nobody can guess
// it, and no client is told. Sessions that move together may share one.
func NewChannel() string {
	var name [16]byte
	rand.Read(name[:]) // never fails
	return "fermata-" + hex.EncodeToString(name[:])
}

// Marker is the body of the request to POST /apps/{id}/events that publishes the
// markers of some moves off the same node. It has to go through that node: so they
// come after all that the clients have sent there.
func Marker(channels ...string) (body []byte) {
	body, _ = json.Marshal(struct {
		Name     string   `json:"name"`
		Channels []string `json:"channels"`
		Data     string   `json:"data"`
	}{eventMarker, channels, "{}"})
	return body
}

// complaint is what a pusher:error says.
func (m message) complaint() error {
	return pusher.Message{Event: m.event, Data: m.data.raw}.Error()
}
