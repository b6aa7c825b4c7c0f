package devnode

import (
	"bytes"
	"encoding/json"
)

// member is the channel_data of a subscription. Most have none but on presence
// channels.
type member struct {
	ID   json.RawMessage `json:"user_id"` // text or a number, and told as it was; nil: none
	Info json.RawMessage `json:"user_info"`

	data  json.RawMessage // all of it
	id    userID
	place int // in the order of its channel
}

// userID is a user_id as text.
type userID string

// readMember wants an object, or nothing.
func readMember(channelData string) (who member, err error) {
	if channelData == "" {
		return member{data: json.RawMessage("{}")}, nil
	}
	if err := json.Unmarshal([]byte(channelData), &who); err != nil {
		return member{}, err
	}
	if bytes.Equal(who.ID, []byte("null")) {
		who.ID = nil
	}
	who.data, who.id = json.RawMessage(channelData), idOf(who.ID)
	return who, nil
}

func idOf(raw json.RawMessage) userID {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return userID(text)
}

// isNobody is whether PHP takes the user_id for false: it comes as a new member
// with every subscription, and never leaves.
func (who member) isNobody() bool { return who.id == "" || who.id == "0" }
