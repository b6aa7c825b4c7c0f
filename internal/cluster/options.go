// Package cluster makes several Fermatas one: members meet in Redis, where each
// writes a report of itself and all share one state, what is decided about
// nodes. Whatever a member knows it goes on with while Redis is away. It knows
// nothing of clients, and does nothing for a single one.
package cluster

import (
	"os"

	"fermata/internal/secret"
)

// Options are the configuration's section cluster.
type Options struct {
	// Redis is where members meet: redis://, rediss:// and unix:// for one
	// server, redis+sentinel:// and redis+cluster:// (rediss+… with TLS) for more.
	Redis secret.Text `yaml:"redis"`
	// Name is the cluster's, for several in one Redis.
	Name string `yaml:"name"`
	// Secret signs what members write, at least MinSecret bytes.
	Secret secret.Text `yaml:"secret"`
	// Member is how this one is called; empty: as its machine.
	Member string `yaml:"member"`
}

// MinSecret is how many bytes of a secret are enough.
const MinSecret = 16

// SetDefaults fills what the section does not say.
func (o *Options) SetDefaults() { o.Name = "default" }

// MemberName is Member, or the machine's name where that is empty.
func (o Options) MemberName() string {
	if o.Member != "" {
		return o.Member
	}
	host, _ := os.Hostname() // "" is a name, too: members have an id beside it
	return host
}

// key is that of something that the cluster has in Redis. All of them are at
// one server of a Redis cluster, by the part in braces.
func (o Options) key(what string) string { return "fermata:{" + o.Name + "}:" + what }
