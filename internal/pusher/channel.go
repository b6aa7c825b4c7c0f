package pusher

import "strings"

// Kind is what a channel's name makes of it.
type Kind uint8

const (
	Public    Kind = iota
	Private        // needs a signature
	Encrypted      // private, and what is sent on it is encrypted by the application
	Presence       // needs a signature; knows its members
	Cache          // tells its last event to those who come; may be private or presence, too
	Kinds          // how many there are
)

func (k Kind) String() string {
	return [...]string{"public", "private", "encrypted", "presence", "cache", "unknown"}[min(k, Kinds)]
}

// KindOf is the one word that describes a channel best.
func KindOf(channel string) Kind {
	switch {
	case IsCached(channel):
		return Cache
	case IsPresence(channel):
		return Presence
	case strings.HasPrefix(channel, "private-encrypted-"):
		return Encrypted
	case IsSigned(channel):
		return Private
	}
	return Public
}

// Reverb looks at the beginnings of names without their dash: a channel that is
// called "privateer" needs a signature.

// IsSigned is whether a subscription to the channel needs a signature.
func IsSigned(channel string) bool {
	return strings.HasPrefix(channel, "private") || strings.HasPrefix(channel, "presence")
}

// IsPresence is whether the channel knows its members.
func IsPresence(channel string) bool { return strings.HasPrefix(channel, "presence") }

// IsCached is whether a node tells the channel's last event, or that there is
// none, behind the answer to each subscription.
func IsCached(channel string) bool {
	return strings.HasPrefix(channel, "cache") ||
		strings.HasPrefix(channel, "private-cache-") || strings.HasPrefix(channel, "presence-cache-")
}
