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
		return "whose sessions are not to move"
	case NotTracked:
		return "whose messages could not be followed"
	case NoNode:
		return "that no other node took"
	case Refused:
		return "refused by the new node"
	case Publish:
		return "whose node did not take the marker event"
	case NoSharedBus:
		return "whose nodes share no Redis"
	case Timeout:
		return "timed out"
	case Stopping:
		return "as Fermata stopped"
	case Failed:
		return "by an error"
	}
	return why
}
