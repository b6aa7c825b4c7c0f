package devnode

// census is what a node tells of itself when another one counts.
type census struct {
	Connections int                      `json:"connections"`
	Channels    map[string]channelCensus `json:"channels"`
}

type channelCensus struct {
	Subscriptions int             `json:"subscriptions"`
	Users         map[userID]bool `json:"users,omitempty"`
	UserCount     int             `json:"user_count,omitempty"`
}

func (h *hub) census() census {
	_, subscribed := h.count()
	h.mu.Lock()
	defer h.mu.Unlock()
	out := census{subscribed, make(map[string]channelCensus)}
	for name, ch := range h.channels {
		users := ch.users()
		out.Channels[name] = channelCensus{len(ch.clients), users, len(users)}
	}
	return out
}

// add adds up what two nodes tell. As in Reverb, a user of both counts twice.
func (c *census) add(other *census) {
	c.Connections += other.Connections
	for name, theirs := range other.Channels {
		ours := c.Channels[name]
		ours.Subscriptions += theirs.Subscriptions
		ours.UserCount += theirs.UserCount
		if ours.Users == nil {
			ours.Users = make(map[userID]bool)
		}
		for user := range theirs.Users {
			ours.Users[user] = true
		}
		c.Channels[name] = ours
	}
}
