package devnode

import (
	"encoding/json"
	"sync"
	"time"
)

// hub knows a node's clients and what they subscribe to. As in Reverb, the
// members of a presence channel are the node's own.
type hub struct {
	node string // its name; empty: none

	mu         sync.Mutex
	clients    map[*client]*presence
	most       int // clients at any time
	subscribed int // clients with a subscription
	channels   map[string]*channel
}

// presence is what the hub keeps about a client.
type presence struct {
	channels map[string]bool // nil until the first subscription
	seen     time.Time       // of its last message
	pinged   bool            // since then
}

func newHub(node string) hub {
	return hub{node: node, clients: make(map[*client]*presence), channels: make(map[string]*channel)}
}

func (h *hub) join(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c] = &presence{seen: time.Now()}
	h.most = max(h.most, len(h.clients))
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

// highest is the most clients that there were at any time.
func (h *hub) highest() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most
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
// if the member is new there. A second time only tells. What a cache channel
// keeps comes right behind the answer.
func (h *hub) subscribe(c *client, name string, who member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := h.channels[name]
	if ch == nil {
		ch = newChannel(name)
		h.channels[name] = ch
	}
	isNew := isPresence(name) && !ch.has(who.id)
	ch.add(c, who)
	h.enlist(c, name)
	if isNew {
		ch.send(encode("pusher_internal:member_added", name, who.data), c.id)
	}
	c.send(encode("pusher_internal:subscription_succeeded", name, ch.welcome(h.node)))
	if isCached(name) {
		c.send(ch.last())
	}
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
	if isPresence(name) && !who.isNobody() && !ch.has(who.id) {
		ch.broadcast(encode("pusher_internal:member_removed", name, map[string]json.RawMessage{"user_id": who.ID}), "")
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

// who is as whom the client is subscribed, if it is.
func (h *hub) who(c *client, name string) (who member, in bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.channels[name]; ch != nil {
		who, in = ch.clients[c]
	}
	return who, in
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

// has is whether a client with that socket id has a subscription.
func (h *hub) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, p := range h.clients {
		if c.id == id && len(p.channels) > 0 {
			return true
		}
	}
	return false
}

// deliver sends to all of a channel but the socket that is excepted.
func (h *hub) deliver(name string, m []byte, except string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.channels[name]; ch != nil {
		ch.broadcast(m, except)
	}
}

// terminate ends every client that is the user on a presence channel.
func (h *hub) terminate(user userID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, ch := range h.channels {
		for c, who := range ch.clients {
			if isPresence(name) && who.id == user {
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
