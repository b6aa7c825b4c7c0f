package relay

import "sync/atomic"

// Counts sums what several relays pass on, while they run. The zero value is
// ready; nil counts nothing. Its methods may be called concurrently.
type Counts struct {
	bytesToNode, bytesToClient       atomic.Int64
	messagesToNode, messagesToClient atomic.Int64
}

// Totals only grows.
func (c *Counts) Totals() Totals {
	return Totals{
		BytesToNode: c.bytesToNode.Load(), BytesToClient: c.bytesToClient.Load(),
		MessagesToNode: c.messagesToNode.Load(), MessagesToClient: c.messagesToClient.Load(),
	}
}

func (c *Counts) addToNode(bytes, messages int) {
	if c != nil {
		c.bytesToNode.Add(int64(bytes))
		c.messagesToNode.Add(int64(messages))
	}
}

func (c *Counts) addToClient(bytes, messages int) {
	if c != nil {
		c.bytesToClient.Add(int64(bytes))
		c.messagesToClient.Add(int64(messages))
	}
}
