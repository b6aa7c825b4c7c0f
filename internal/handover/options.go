package handover

import (
	"strings"
	"time"

	"fermata/internal/admin/endpoint"
)

// Options are the configuration's section upgrade.
type Options struct {
	// Socket is the path of the unix socket at which another Fermata takes the place of
	// this one; empty: beside that of the admin endpoint.
	Socket string `yaml:"socket"`
	// Spread is over how long those clients are closed, one after the other, that cannot
	// be handed over, since they use TLS; 0: none is, they stay until they leave.
	Spread time.Duration `yaml:"spread"`
}

// DefaultOptions is what a configuration without the section means.
func DefaultOptions() Options { return Options{Spread: 10 * time.Minute} }

// Path is Socket or, where that is empty, beside the admin endpoint: admin.upgrade for
// admin.sock. Empty: there is none, as that is no unix socket.
func (o Options) Path(admin endpoint.Options) string {
	if o.Socket != "" {
		return o.Socket
	}
	path, isUnix := endpoint.Socket(admin.Address)
	if !isUnix {
		return ""
	}
	return strings.TrimSuffix(path, ".sock") + ".upgrade"
}
