package config

import (
	"regexp"

	"fermata/internal/cluster"
)

// clusterName is what can stand in a key of Redis, and in a log.
var clusterName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// memberName is a host's name, or something as short.
var memberName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)

func (r *report) validateCluster(o *cluster.Options) {
	if o == nil {
		return
	}
	err := o.CheckRedis()
	if o.Redis == "" {
		r.want(false, "cluster.redis", "got nothing, want a URL such as redis://10.0.1.5:6379")
	}
	r.want(err == nil, "cluster.redis", "got %v, want a URL of redis://, rediss://, redis+sentinel:// or redis+cluster://", err)
	r.want(clusterName.MatchString(o.Name), "cluster.name", "got %q, want 1 to 64 small letters, digits or . _ -", o.Name)
	r.want(len(o.Secret) >= cluster.MinSecret, "cluster.secret", "got %d bytes, want at least %d", len(o.Secret), cluster.MinSecret)
	r.want(memberName.MatchString(o.Member), "cluster.member", "got %q, want up to 64 letters, digits or . _ -", o.Member)
}
