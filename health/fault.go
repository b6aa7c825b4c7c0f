package health

import "errors"

// Fault is what is wrong with a node, in one word of these; it is a label of
// the metrics. A check of type tcp finds only the first three.
type Fault string

// What a Fault can be.
const (
	FaultRefused     Fault = "refused"     // its host is there, nobody listens
	FaultUnreachable Fault = "unreachable" // it cannot be dialled, for another reason
	FaultNoAddress   Fault = "no_address"  // its name has not been found so far
	FaultTLS         Fault = "tls"         // no TLS can be spoken with it: its certificate is not for its name, say
	FaultNoAnswer    Fault = "no_answer"   // it takes connections and answers nothing in time: it is frozen, or has too much to do
	FaultBadAnswer   Fault = "bad_answer"  // it answers something else than it should, or hangs up
	FaultDeaf        Fault = "deaf"        // it answers, and gets no event of the other nodes: see Delivery
	FaultMute        Fault = "mute"        // it answers, and no event that is published through it gets to the other nodes
	FaultCutOff      Fault = "cut_off"     // both
)

// Delivery is whether the fault is one that only Delivery finds: the node's own
// checks pass.
func (f Fault) Delivery() bool { return f == FaultDeaf || f == FaultMute || f == FaultCutOff }

// faulty is why a check failed, and what fault that is.
type faulty struct {
	error
	fault Fault
}

func (f faulty) Unwrap() error { return f.error }

// faultOf is the fault behind a failed check. What none was named for came
// from a node that was dialled and did answer.
func faultOf(err error) Fault {
	if named, ok := errors.AsType[faulty](err); ok {
		return named.fault
	}
	if errors.Is(err, errNobodyListens) {
		return FaultRefused
	}
	return FaultBadAnswer
}
