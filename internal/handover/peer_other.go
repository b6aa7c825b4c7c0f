//go:build !linux

package handover

import (
	"errors"
	"net"
)

// PeerPID is not known on this system.
func (c *Conn) PeerPID() int { return 0 }

// checkPeer refuses everybody: only on Linux can clients be handed over.
func checkPeer(*net.UnixConn) error {
	return errors.New("got a system that is not Linux, want Linux: a Fermata is replaced there alone")
}
