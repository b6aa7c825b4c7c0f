// Package pusher is what Fermata knows of the Pusher Channels protocol, version
// 7, as Laravel Reverb speaks it: the names of its events, its codes, its
// messages, and its signatures. It does no I/O and keeps no state.
package pusher

// Events of the protocol.
const (
	EventEstablished = "pusher:connection_established" // a node's greeting
	EventError       = "pusher:error"
	EventPing        = "pusher:ping"
	EventPong        = "pusher:pong"
	EventSubscribe   = "pusher:subscribe"
	EventUnsubscribe = "pusher:unsubscribe"
	EventSubscribed  = "pusher_internal:subscription_succeeded"

	EventMemberAdded   = "pusher_internal:member_added"
	EventMemberRemoved = "pusher_internal:member_removed"
)
