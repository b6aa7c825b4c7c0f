package health

// roundsNeeded is how many rounds in a row must fail until that counts, and how
// many a node can be left out of before what was known of it is forgotten.
const roundsNeeded = 2

// standing is what the rounds have shown of one node. The zero value is that of
// a node which has just come.
type standing struct {
	known   bool    // a round has shown whether it delivers
	against int     // rounds in a row that it failed for itself
	fault   outcome // deaf, mute or cutOff, once that counts; delivers: none does
	absent  int     // rounds in a row without it
}

// add takes the outcome of a round. Of a fresh connection only a good one counts:
// a node that has just started may not have its Redis yet.
func (s *standing) add(o outcome, fresh bool) {
	s.absent = 0
	switch {
	case o == delivers:
		*s = standing{known: true}
	case fresh:
	case o.common():
		s.known, s.against, s.fault = true, 0, delivers
	default:
		s.known = true
		if s.against++; s.against >= roundsNeeded {
			s.fault = o
		}
	}
}

// miss takes a round without the node. After some in a row nothing is known of it
// any more, and it is true.
func (s *standing) miss() bool {
	if s.absent++; s.absent < roundsNeeded {
		return false
	}
	*s = standing{absent: s.absent}
	return true
}

// community is what the rounds have shown of all nodes together.
type community struct {
	against int     // rounds in a row that failed for all
	fault   outcome // lost or split, once that counts; delivers: neither does
}

// add takes the outcomes of a round. One in which all connections are fresh
// counts only if it is good, and one without nodes says nothing.
func (c *community) add(outcomes []outcome, fresh bool) {
	switch {
	case len(outcomes) == 0:
	case !outcomes[0].common():
		*c = community{}
	case fresh:
	default:
		if c.against++; c.against >= roundsNeeded {
			c.fault = outcomes[0]
		}
	}
}
