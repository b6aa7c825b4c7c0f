package admin

// Outcome is what has become of the clients of a node that were to go. Those that
// have gone by themselves are in no number.
type Outcome struct {
	Moved  int `json:"moved"` // to another node, without being closed
	Closed int `json:"closed"`
	// ClosedBecause are those that were closed, by a word for why.
	ClosedBecause map[string]int `json:"closed_because,omitempty"`
	// Text is all of that for people; left out: nobody has been moved or closed.
	Text string `json:"outcome,omitempty"`
}

// Outcome is what has become of the node's clients; empty while they may stay.
func (n Node) Outcome() Outcome {
	switch {
	case n.Drain != nil:
		return n.Drain.Outcome
	case n.Moves != nil:
		return *n.Moves
	}
	return Outcome{}
}
