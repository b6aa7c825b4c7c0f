//go:build !linux

package relay

import (
	"net"
	"time"
)

// New returns the best engine for this system.
func New() Engine { return NewPlain() }

func setUserTimeout(*net.TCPConn, time.Duration) {}
