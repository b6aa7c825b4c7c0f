package health

import "errors"

// Objection is what speaks against a node whose own checks pass.
type Objection struct {
	Fault  Fault
	Reason string // for people
}

// Object makes each check that passes one that fails, with that reason, until it
// is called with nil. So rise and fall count for it, too. It never blocks and may
// be called at any time from any goroutine.
func (c *Checker) Object(o *Objection) {
	if before := c.objection.Swap(o); before == nil && o != nil {
		c.Hurry()
	}
}

// objected is what speaks against the node, as the error of a check.
func (c *Checker) objected() error {
	if o := c.objection.Load(); o != nil {
		return faulty{errors.New(o.Reason), o.Fault}
	}
	return nil
}

// objection is what the outcome says of a node, if it is the node's own.
func (o outcome) objection() *Objection {
	const where = "; look at its connection to Redis"
	switch o {
	case deaf:
		return &Objection{FaultDeaf, "deaf: what is published through other nodes does not arrive at it" + where}
	case mute:
		return &Objection{FaultMute, "mute: what is published through it arrives nowhere else" + where}
	case cutOff:
		return &Objection{FaultCutOff, "deaf and mute: no event passes between it and the other nodes" + where}
	}
	return nil
}

// reason is what the outcome says of all nodes, if it is common.
func (o outcome) reason() string {
	switch o {
	case lost:
		return "no event that is published arrives anywhere: look at Redis"
	case split:
		return "nodes do not deliver each other's events: look at whether all have the same Redis, and REVERB_SCALING_ENABLED"
	}
	return ""
}
