package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fermata/internal/pusher"
)

// bus is what all nodes deliver, in this order, each at its own pace.
type bus []occurrence

type occurrence struct {
	channel, text string
	except        string // a socket id
	from          *user  // whose client event, or whose request to publish, it is
}

// reverb is a node as Reverb is, without sockets: what it has read, and what its
// clients have yet to read, waits in the connections.
type reverb struct {
	bus      *bus
	name     string
	ids      int
	at       int // how much of the bus it has delivered
	channels map[string]*room
}

// room is a channel on one node.
type room struct {
	members []*conn
	data    map[*conn]string
	last    string // of a cache channel
}

// conn is one client's connection.
type conn struct {
	node *reverb
	id   string
	of   *user // nil: a stranger's
	in   []inbound
	out  []outbound
	gone bool
}

// inbound is a message for the node. processed is told what it has answered.
type inbound struct {
	text      string // empty: the connection ends
	processed func(answers []outbound)
}

// outbound is a message of the node.
type outbound struct {
	text   string
	cached bool // what a cache channel has said last
}

func newReverb(b *bus, name string) *reverb {
	return &reverb{bus: b, name: name, at: len(*b), channels: make(map[string]*room)}
}

func (n *reverb) connect(of *user) *conn {
	n.ids++
	return &conn{node: n, id: fmt.Sprintf("%s.%d", n.name, n.ids), of: of}
}

// deliver takes the next event from the bus.
func (n *reverb) deliver() bool {
	if n.at == len(*n.bus) {
		return false
	}
	o := (*n.bus)[n.at]
	n.at++
	if r := n.channels[o.channel]; r != nil {
		r.broadcast(o.text, o.except)
		r.last = o.text
	}
	return true
}

func (r *room) broadcast(text, except string) {
	for _, c := range r.members {
		if c.id != except {
			c.send(text)
		}
	}
}

func (c *conn) send(text string) { c.out = append(c.out, outbound{text: text}) }

func (c *conn) say(messages [][]byte) {
	for _, m := range messages {
		c.in = append(c.in, inbound{text: string(m)})
	}
}

// process takes the next message of a client.
func (c *conn) process() bool {
	if len(c.in) == 0 || c.gone {
		return false
	}
	next, before := c.in[0], len(c.out)
	c.in = c.in[1:]
	if next.text == "" {
		c.end()
		return true
	}
	c.handle(next.text)
	if next.processed != nil {
		next.processed(c.out[before:])
	}
	return true
}

type spoken struct {
	Event   string
	Channel string
	Data    struct {
		Channel     string
		Auth        string
		ChannelData string `json:"channel_data"`
	}
}

func (c *conn) handle(text string) {
	var m spoken
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic(err)
	}
	switch m.Event {
	case "pusher:subscribe":
		c.subscribe(m.Data.Channel, m.Data.Auth, m.Data.ChannelData)
	case "pusher:unsubscribe":
		c.unsubscribe(m.Data.Channel)
	case "pusher:ping":
		c.send(`{"event":"pusher:pong"}`)
	default:
		c.whisper(m.Channel, text)
	}
}

func (c *conn) whisper(channel, text string) {
	if r := c.node.channels[channel]; r == nil || !slices.Contains(r.members, c) {
		c.send(`{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"The client is not a member of the specified channel.\"}"}`)
		return
	}
	*c.node.bus = append(*c.node.bus, occurrence{channel: channel, text: text, except: c.id, from: c.of})
}

func (c *conn) subscribe(channel, auth, data string) {
	if pusher.IsSigned(channel) && auth != pusher.SignSubscription("key", "secret", c.id, channel, data) {
		c.send(`{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"Connection is unauthorized\"}"}`)
		return
	}
	r := c.node.room(channel)
	known := r.has(nameIn(data))
	if !slices.Contains(r.members, c) {
		r.members = append(r.members, c)
	}
	r.data[c] = data
	if pusher.IsPresence(channel) && !known {
		r.broadcast(internal("member_added", data, channel), c.id)
	}
	c.send(internal("subscription_succeeded", r.list(channel), channel))
	if pusher.IsCached(channel) {
		text := r.last
		if text == "" {
			text = fmt.Sprintf(`{"event":"pusher:cache_miss","channel":%q}`, channel)
		}
		c.out = append(c.out, outbound{text, true})
	}
}

func internal(event, data, channel string) string {
	return fmt.Sprintf(`{"event":"pusher_internal:%s","data":%q,"channel":%q}`, event, data, channel)
}

func (n *reverb) room(channel string) *room {
	if n.channels[channel] == nil {
		n.channels[channel] = &room{data: make(map[*conn]string)}
	}
	return n.channels[channel]
}

func (c *conn) unsubscribe(channel string) {
	r := c.node.channels[channel]
	if r == nil || !slices.Contains(r.members, c) {
		return
	}
	who := nameIn(r.data[c])
	r.members = slices.DeleteFunc(r.members, func(o *conn) bool { return o == c })
	delete(r.data, c)
	if len(r.members) == 0 {
		delete(c.node.channels, channel)
	}
	if pusher.IsPresence(channel) && !r.has(who) {
		text := internal("member_removed", `{"user_id":`+idIn(who)+`}`, channel)
		r.broadcast(text, "")
		r.last = text // a fault of Reverb's
	}
}

// end is what a node does when the connection ends.
func (c *conn) end() {
	c.gone = true
	for _, channel := range slices.Sorted(maps.Keys(c.node.channels)) {
		c.unsubscribe(channel)
	}
}

// nameIn is the user of channel_data, as text.
func nameIn(data string) string {
	var who struct {
		ID any `json:"user_id"`
	}
	json.Unmarshal([]byte(data), &who)
	return fmt.Sprint(who.ID)
}

// idIn is a user as it stands in JSON: some ids are numbers.
func idIn(name string) string {
	if strings.Trim(name, "0123456789") == "" {
		return name
	}
	return fmt.Sprintf("%q", name)
}

func (r *room) has(name string) bool { return slices.Contains(r.users(), name) }

// users are the members, each once, in the order of their coming.
func (r *room) users() (names []string) {
	for _, c := range r.members {
		if name := nameIn(r.data[c]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// list is the data of subscription_succeeded.
func (r *room) list(channel string) string {
	if !pusher.IsPresence(channel) {
		return "{}"
	}
	var ids, hash []string
	for _, name := range r.users() {
		ids = append(ids, idIn(name))
		hash = append(hash, fmt.Sprintf(`"%s":{"of":"%s"}`, name, name))
	}
	return fmt.Sprintf(`{"presence":{"count":%d,"ids":[%s],"hash":{%s}}}`, len(ids), strings.Join(ids, ","), strings.Join(hash, ","))
}
