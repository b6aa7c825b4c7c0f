package pusher

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"strings"

	"fermata/internal/secret"
)

// Subscription is the data of pusher:subscribe and, with nothing but a channel,
// of pusher:unsubscribe.
type Subscription struct {
	Auth        string `json:"auth,omitempty"`
	ChannelData string `json:"channel_data,omitempty"`
	Channel     string `json:"channel"`
}

// Subscribe is the message that asks for the subscription.
func (s Subscription) Subscribe() []byte { return write(EventSubscribe, "", s) }

// Unsubscribe is the message that ends the subscription to a channel. No node
// answers it.
func Unsubscribe(channel string) []byte {
	return write(EventUnsubscribe, "", Subscription{Channel: channel})
}

// Write writes a message as nodes do: its data is JSON within a JSON string.
func Write(event, channel string, data any) []byte {
	return write(event, channel, string(encode(data)))
}

func write(event, channel string, data any) []byte {
	return encode(struct {
		Event   string `json:"event"`
		Data    any    `json:"data"`
		Channel string `json:"channel,omitempty"`
	}{event, data, channel})
}

// encode leaves <, > and & as they are: six bytes for one could make a message
// larger than a node takes.
func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what is given here can always be written
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// SignSubscription is the auth of a subscription. id is the socket id that the
// node knows the client by, data the channel_data or empty.
func SignSubscription(key string, secret secret.Text, id, channel, data string) string {
	return key + ":" + sign(secret, subscribed(id, channel, data))
}

// VerifySubscription is whether a node would accept auth. As Reverb does, it does
// not look at the key before the colon. The time that it takes does not depend
// on where a wrong signature is wrong.
func VerifySubscription(secret secret.Text, auth, id, channel, data string) bool {
	if _, after, found := strings.Cut(auth, ":"); found {
		auth = after
	}
	return hmac.Equal([]byte(sign(secret, subscribed(id, channel, data))), []byte(auth))
}

// subscribed is what the signature of a subscription covers.
func subscribed(id, channel, data string) string {
	if data == "" {
		return id + ":" + channel
	}
	return id + ":" + channel + ":" + data
}
