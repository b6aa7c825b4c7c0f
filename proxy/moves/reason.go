package moves

// Why clients are closed that were to go, and the results of a Session's Transfer:
// words for metrics and the API. ReasonText has them for people.
const (
	NoSession   = "no_session"    // its app is not in the configuration, or it is no Pusher client
	Asked       = "asked"         // Move.Close wants it
	Deadline    = "deadline"      // it has come before their turn
	Off         = "off"           // the configuration has moves switched off, or knows the app no more
	NotTracked  = "not_tracked"   // the client has sent what could not be followed, or too much
	NoNode      = "no_node"       // no other node has taken it
	Refused     = "refused"       // the other node did not take the subscriptions
	Publish     = "publish"       // the old node did not take the marker
	NoSharedBus = "no_shared_bus" // the marker did not come by way of the other node
	Timeout     = "timeout"
	Stopping    = "stopping" // of Fermata
	Failed      = "error"    // anything else
	Gone        = "gone"     // the client itself was faster; it is not counted
)

// ReasonText is the reason as it stands behind a number of clients: "2 timed out".
func ReasonText(why string) string {
	switch why {
	case NoSession:
		return "without a session"
	case Asked:
		return "as was asked (--close)"
	case Deadline:
		return "at the deadline"
	case Off:
		return "not to be moved"
	case NotTracked:
		return "with messages that cannot be followed"
	case NoNode:
		return "taken by no other node"
	case Refused:
		return "refused by the new node"
	case Publish:
		return "as a node did not take the event of the move"
	case NoSharedBus:
		return "as the nodes share no Redis"
	case Timeout:
		return "timed out"
	case Stopping:
		return "as Fermata stopped"
	case Failed:
		return "by an error"
	}
	return why
}
