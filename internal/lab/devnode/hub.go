package devnode

import (
	"encoding/json"
	"sync"
	"time"
)

// hub knows a node's clients and what they subscribe to. As in Reverb, the
// members of a presence channel are the node's own.
type hub struct {
	mu         sync.Mutex
	clients    map[*client]*presence
	subscribed int // clients with a subscription
	channels   map[string]*channel
}

// presence is what the hub keeps about a client.
type presence struct {
	channels map[string]bool // nil until the first subscription
	seen     time.Time       // of its last message
	pinged   bool            // since then
}

// channel holds its clients, each with who it is on a presence channel.
type channel struct {
	clients map[*client]member
}

// member is the channel_data of a client on a presence channel.
type member struct {
	ID   userID          `json:"user_id"`
	Info json.RawMessage `json:"user_info,omitempty"`
}

// userID is text, and may be a number in JSON.
type userID string

func (u *userID) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	*u = userID(text)
	return nil
}

func newHub() hub {
	return hub{clients: make(map[*client]*presence), channels: make(map[string]*channel)}
}

func (h *hub) join(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c] = &presence{seen: time.Now()}
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.clients[c].channels {
		h.drop(c, name)
	}
	delete(h.clients, c)
}

func (h *hub) touch(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c].seen, h.clients[c].pinged = time.Now(), false
}

// count returns all clients, and those with a subscription.
func (h *hub) count() (open, subscribed int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients), h.subscribed
}

func (h *hub) all() []*client {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		all = append(all, c)
	}
	return all
}

// subscribe adds the client and tells it, and on a presence channel the others
// if the member is new there. A second time only tells.
func (h *hub) subscribe(c *client, name string, who member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := h.channels[name]
	if ch == nil {
		ch = &channel{clients: make(map[*client]member)}
		h.channels[name] = ch
	}
	if isPresence(name) && !ch.has(who.ID) {
		ch.send(encode("pusher_internal:member_added", name, who), "")
	}
	ch.clients[c] = who
	h.enlist(c, name)
	c.send(encode("pusher_internal:subscription_succeeded", name, ch.welcome(name)))
}

func (h *hub) enlist(c *client, name string) {
	p := h.clients[c]
	if p.channels == nil {
		p.channels = make(map[string]bool)
	}
	if len(p.channels) == 0 {
		h.subscribed++
	}
	p.channels[name] = true
}

func (h *hub) unsubscribe(c *client, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c, name)
}

func (h *hub) drop(c *client, name string) {
	ch := h.channels[name]
	if ch == nil {
		return
	}
	who, in := ch.clients[c]
	if !in {
		return
	}
	delete(ch.clients, c)
	h.strike(c, name)
	if isPresence(name) && !ch.has(who.ID) {
		ch.send(encode("pusher_internal:member_removed", name, map[string]userID{"user_id": who.ID}), "")
	}
	if len(ch.clients) == 0 {
		delete(h.channels, name)
	}
}

func (h *hub) strike(c *client, name string) {
	p := h.clients[c]
	delete(p.channels, name)
	if len(p.channels) == 0 {
		h.subscribed--
	}
}

func (h *hub) isSubscribed(c *client, name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clients[c].channels[name]
}

// subscribers is how many clients a channel has.
func (h *hub) subscribers(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.channels[name]; ch != nil {
		return len(ch.clients)
	}
	return 0
}

// deliver sends to all of a channel but the socket that is excepted.
func (h *hub) deliver(name string, m []byte, except string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.channels[name]; ch != nil {
		ch.send(m, except)
	}
}

// terminate ends every client that is the user on a presence channel.
func (h *hub) terminate(user userID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, ch := range h.channels {
		for c, who := range ch.clients {
			if isPresence(name) && who.ID == user {
				c.finish()
			}
		}
	}
}

// keepAlive drops who has not answered the last ping, and pings who has been
// quiet since. Clients without a subscription are left alone.
func (h *hub) keepAlive(interval time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, p := range h.clients {
		switch {
		case len(p.channels) == 0 || time.Since(p.seen) < interval:
		case p.pinged:
			c.fail(errNotPonged)
			c.finish()
		default:
			p.pinged = true
			c.send(encode("pusher:ping", "", nil))
		}
	}
}

// census is what a node tells of itself when another one counts.
type census struct {
	Connections int                      `json:"connections"`
	Channels    map[string]channelCensus `json:"channels"`
}

type channelCensus struct {
	Subscriptions int             `json:"subscriptions"`
	Users         map[userID]bool `json:"users,omitempty"`
}

func (h *hub) census() census {
	_, subscribed := h.count()
	h.mu.Lock()
	defer h.mu.Unlock()
	out := census{subscribed, make(map[string]channelCensus)}
	for name, ch := range h.channels {
		out.Channels[name] = channelCensus{len(ch.clients), ch.users(name)}
	}
	return out
}

func (ch *channel) has(id userID) bool {
	for _, who := range ch.clients {
		if who.ID == id {
			return true
		}
	}
	return false
}

func (ch *channel) send(m []byte, except string) {
	for c := range ch.clients {
		if c.id != except {
			c.send(m)
		}
	}
}

func (ch *channel) users(name string) map[userID]bool {
	if !isPresence(name) {
		return nil
	}
	users := make(map[userID]bool)
	for _, who := range ch.clients {
		users[who.ID] = true
	}
	return users
}

// welcome is the data of subscription_succeeded: who is there on a presence
// channel, and else nothing.
func (ch *channel) welcome(name string) any {
	if !isPresence(name) {
		return struct{}{}
	}
	hash := make(map[userID]json.RawMessage)
	ids := []userID{}
	for _, who := range ch.clients {
		if _, twice := hash[who.ID]; !twice {
			ids = append(ids, who.ID)
		}
		hash[who.ID] = who.Info
	}
	return map[string]any{"presence": map[string]any{"count": len(ids), "ids": ids, "hash": hash}}
}
