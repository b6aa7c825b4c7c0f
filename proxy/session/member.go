package session

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"fermata/internal/pusher"
)

// member is one of a presence channel. Both values are in JSON: an id is text or
// a number, and is told as it was.
type member struct {
	ID   json.RawMessage `json:"user_id"`
	Info json.RawMessage `json:"user_info,omitempty"`
}

// members of a presence channel by their id as text. JavaScript, too, knows them
// by that.
type members map[string]member

// key is an id as text.
func key(id json.RawMessage) string {
	if f := (field{raw: id}); f.isText() {
		return f.text()
	}
	return string(id)
}

// userID is whom channel_data is about. Empty: nobody, or somebody like 0 whom
// PHP takes for nobody. Nodes do not tell when such a member leaves, and tell
// more than once that it has come.
func userID(data string) string {
	f, _ := fields([]byte(data))
	id := key(f.get("user_id").raw)
	if n, err := strconv.Atoi(id); id == "0" || !f.get("user_id").isText() && (err != nil || n == 0) {
		return ""
	}
	return id
}

// readMembers reads the list in a node's answer to a subscription.
func readMembers(data field) (members, error) {
	var list struct {
		Presence struct {
			IDs  []json.RawMessage `json:"ids"`
			Hash json.RawMessage   `json:"hash"`
		} `json:"presence"`
	}
	if err := json.Unmarshal(data.inside(), &list); err != nil {
		return nil, err
	}
	all, infos := make(members), field{raw: list.Presence.Hash}.elements()
	for _, id := range list.Presence.IDs {
		all[key(id)] = member{id, infos[key(id)].raw}
	}
	return all, nil
}

// change follows a member_added or member_removed.
func (all members) change(m message) {
	who, err := fields(m.data.inside())
	if err != nil || all == nil || who.get("user_id").isNone() {
		return
	}
	id, info := bytes.Clone(who.get("user_id").raw), bytes.Clone(who.get("user_info").raw) // the text is the caller's
	switch m.event {
	case pusher.EventMemberRemoved:
		delete(all, key(id))
	case pusher.EventMemberAdded:
		all[key(id)] = member{id, info}
	}
}

// differ returns the messages that make a client which knows these members know
// others. It is never told of itself. A member whose user_info is another stays:
// nodes do not tell that either, and the client would see somebody leave.
func (all members) differ(others members, channel, self string) (toClient [][]byte) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if _, stays := others[id]; !stays && id != self {
			toClient = append(toClient, pusher.Write(pusher.EventMemberRemoved, channel, member{ID: all[id].ID}))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(others)) {
		if _, known := all[id]; !known && id != self {
			toClient = append(toClient, pusher.Write(pusher.EventMemberAdded, channel, others[id]))
		}
	}
	return toClient
}
