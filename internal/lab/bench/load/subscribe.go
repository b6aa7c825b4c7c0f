//go:build linux

package load

import (
	"bytes"
	"fmt"

	"fermata/internal/lab/bench/frame"
	"fermata/internal/pusher"
	"fermata/internal/secret"
)

// inRoom is how many clients share a presence channel.
const inRoom = 10

// subscriptions are those of a user as Laravel has them: a public channel, one of
// the user's own, and a presence channel with a few others.
func subscriptions(user int) []pusher.Subscription {
	return []pusher.Subscription{
		{Channel: "news"},
		{Channel: fmt.Sprintf("private-App.Models.User.%d", user)},
		{
			Channel:     fmt.Sprintf("presence-room.%d", user/inRoom),
			ChannelData: fmt.Sprintf(`{"user_id":"%d","user_info":{"id":%[1]d,"name":"Somebody"}}`, user),
		},
	}
}

// subscribe asks for the user's subscriptions and waits for the answers: a node's,
// or the same again from one that echoes.
func (c *client) subscribe(user int, app, key string, greeting []byte) error {
	var data struct {
		SocketID string `json:"socket_id"`
	}
	m, err := pusher.Parse(greeting)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := m.Into(&data); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	all := subscriptions(user)
	for _, s := range all {
		if pusher.IsSigned(s.Channel) {
			s.Auth = pusher.SignSubscription(app, secret.Text(key), data.SocketID, s.Channel, s.ChannelData)
		}
		if _, err := c.stream.Write(frame.AppendMasked(nil, frame.Text, s.Subscribe(), mask)); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	return c.awaitSubscribed(len(all))
}

// awaitSubscribed waits for so many answers. The socket blocks still.
func (c *client) awaitSubscribed(answers int) error {
	buf := make([]byte, 4096)
	for answers > 0 {
		n, err := c.stream.Read(buf)
		if err == nil {
			err = c.take(buf[:n], func(payload []byte) {
				if bytes.Contains(payload, []byte("subscri")) {
					answers--
				}
			})
		}
		if err != nil {
			return fmt.Errorf("read the answers to subscriptions, of which %d have not come: %w", answers, err)
		}
	}
	return nil
}
