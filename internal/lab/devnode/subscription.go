package devnode

import (
	"encoding/json"
	"strings"
)

// subscription is the data of pusher:subscribe and pusher:unsubscribe.
type subscription struct {
	Channel     string `json:"channel"`
	Auth        string `json:"auth"`
	ChannelData string `json:"channel_data"`
}

func (c *client) subscribe(data json.RawMessage) {
	var s subscription
	if unwrap(data, &s) != nil || s.Channel == "" {
		c.fail(errFormat)
		return
	}
	who, err := readMember(s.ChannelData)
	if err != nil {
		c.fail(errFormat)
		return
	}
	if isSigned(s.Channel) && !c.authorized(s) {
		c.fail(errAuth)
		return
	}
	if c.suffers(c.node.faults.Load()) {
		return
	}
	c.node.hub.subscribe(c, s.Channel, who)
	c.node.record.note(nil)
}

// authorized does not look at the key before the signature, and does not need
// one.
func (c *client) authorized(s subscription) bool {
	_, got, hasKey := strings.Cut(s.Auth, ":")
	if !hasKey {
		got = s.Auth
	}
	return sameText(got, signChannel(c.id, s.Channel, s.ChannelData, c.node.options.AppSecret))
}

// suffers has a fault happen to a subscription, and is whether there is none
// then.
func (c *client) suffers(f *Faults) bool {
	switch {
	case f.Forbid != 0:
		c.fail(protocolError{f.Forbid, "Forbidden"})
	case f.DieAtSubscribe:
		c.node.end(nil, (*conn).reset)
	case f.NoAnswer:
	case f.FreezeAtSubscribe:
		c.node.Freeze() // it answers when it is thawed
		return false
	default:
		return false
	}
	return true
}

func (c *client) unsubscribe(data json.RawMessage) {
	var s subscription
	if unwrap(data, &s) != nil || s.Channel == "" {
		c.fail(errFormat)
		return
	}
	c.node.hub.unsubscribe(c, s.Channel)
	c.node.record.note(nil)
}
