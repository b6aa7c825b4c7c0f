package devnode

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// channel holds its clients on one node, each with who it is. It is gone, with
// what it keeps, when it has none.
type channel struct {
	name    string
	clients map[*client]member
	joined  int    // subscriptions so far
	cached  []byte // the last event; nil: there was none
}

func newChannel(name string) *channel {
	return &channel{name: name, clients: make(map[*client]member)}
}

// What a channel is, is in its name. Reverb wants no dash behind some of the
// words.
func isPresence(name string) bool { return strings.HasPrefix(name, "presence") }
func isSigned(name string) bool   { return strings.HasPrefix(name, "private") || isPresence(name) }

func isCached(name string) bool {
	return strings.HasPrefix(name, "cache") || strings.HasPrefix(name, "private-cache-") || strings.HasPrefix(name, "presence-cache-")
}

// add keeps the place of a client that is there already.
func (ch *channel) add(c *client, who member) {
	ch.joined++
	who.place = ch.joined
	if before, in := ch.clients[c]; in {
		who.place = before.place
	}
	ch.clients[c] = who
}

// has never has somebody who is nobody to PHP: each of their subscriptions is
// told as one of a new member.
func (ch *channel) has(id userID) bool {
	for _, who := range ch.clients {
		if who.id == id && !who.isNobody() {
			return true
		}
	}
	return false
}

// broadcast sends an event to all but the socket that is excepted, and keeps
// it. A member_removed is an event, too, and a member_added is none: so it is in
// Reverb.
func (ch *channel) broadcast(m []byte, except string) {
	if isCached(ch.name) {
		ch.cached = m
	}
	ch.send(m, except)
}

func (ch *channel) send(m []byte, except string) {
	for c := range ch.clients {
		if c.id != except {
			c.send(m)
		}
	}
}

// last is the last event, or that there was none since the channel is there.
func (ch *channel) last() []byte {
	if ch.cached == nil {
		return encode("pusher:cache_miss", ch.name, nil)
	}
	return ch.cached
}

// users are who is on a presence channel.
func (ch *channel) users() map[userID]bool {
	if !isPresence(ch.name) {
		return nil
	}
	users := make(map[userID]bool)
	for _, who := range ch.clients {
		users[who.id] = true
	}
	return users
}

// welcome is the data of subscription_succeeded: who is there on a presence
// channel, and else nothing but the node's name, where it has one.
func (ch *channel) welcome(node string) any {
	if !isPresence(ch.name) {
		return struct {
			Node string `json:"node,omitempty"`
		}{node}
	}
	ids, infos := []json.RawMessage{}, []info{}
	for _, who := range ch.members() {
		if who.ID == nil { // then Reverb tells of nobody at all
			ids, infos = []json.RawMessage{}, nil
			break
		}
		ids, infos = append(ids, who.ID), append(infos, info{who.id, who.Info})
	}
	return map[string]any{"presence": map[string]any{"count": len(ids), "ids": ids, "hash": hash(infos)}}
}

// members are in the order in which they came, each user once.
func (ch *channel) members() (all []member) {
	seen := make(map[userID]bool)
	inOrder := func(a, b member) int { return cmp.Compare(a.place, b.place) }
	for _, who := range slices.SortedFunc(maps.Values(ch.clients), inOrder) {
		if !seen[who.id] {
			all = append(all, who)
		}
		seen[who.id] = true
	}
	return all
}

// info is the user_info of a user.
type info struct {
	of   userID
	info json.RawMessage
}

// hash is an object of infos by user. PHP writes one whose keys are 0, 1, 2 and
// so on as a list, and so one without keys.
func hash(infos []info) any {
	list, object := []json.RawMessage{}, make(map[userID]json.RawMessage)
	for i, each := range infos {
		object[each.of] = each.info
		if string(each.of) == strconv.Itoa(i) {
			list = append(list, each.info)
		}
	}
	if len(list) == len(object) {
		return list
	}
	return object
}
