package session

import (
	"bytes"
	"errors"

	"fermata/internal/pusher"
)

// request is a pusher:subscribe or pusher:unsubscribe of a client. The zero value
// is any other message, or one that makes no difference to the node.
type request struct {
	event   string
	channel string
	data    string // the channel_data
	auth    string
	signed  place // where auth is in the message
}

// errUnlike is for a message that Reverb may read in another way than we.
var errUnlike = errors.New("got a message that can be read in more than one way")

// mayAsk finds out at almost no cost that a message is no request. Both events
// contain the word "subscribe", unless some of its letters are escaped.
func mayAsk(text []byte) bool {
	return bytes.Contains(text, []byte("subscribe")) || bytes.Contains(text, []byte(`\u00`))
}

// readRequest reads a message as Reverb does, and is an error where that is not
// certain. Reverb takes the last of equal keys, and the data as an object or as
// an object in a string.
func readRequest(text []byte) (request, error) {
	message, err := fields(text)
	if err != nil {
		return request{}, err
	}
	r := request{event: message.get("event").text()}
	if r.event != pusher.EventSubscribe && r.event != pusher.EventUnsubscribe {
		return request{}, nil
	}
	return r.with(message.get("data"))
}

// with reads the data of the message.
func (r request) with(data field) (request, error) {
	if data.isNone() {
		return request{}, nil // the node complains
	}
	inner, err := fields(data.inside())
	if err != nil || inner.get("channel").isNone() {
		return request{}, err
	}
	for _, key := range []string{"channel", "auth", "channel_data"} {
		if f := inner.get(key); !f.isNone() && !f.isText() {
			return request{}, errUnlike // PHP makes text of some of them
		}
	}
	r.channel, r.data, r.auth = inner.get("channel").text(), inner.get("channel_data").text(), inner.get("auth").text()
	r.signed = inner.get("auth").within(data)
	if r.channel == "" || r.channel == "0" || r.data == "0" {
		return request{}, errUnlike // PHP takes "0" for empty, and a node's answers leave out what is empty
	}
	return r, nil
}
