package relay

import (
	"context"
	"net"
	"time"
)

// nodeSilence is how long a node may be silent before the kernel looks whether
// its host is still there. The rest is as the system has it: each setting is a
// system call a client.
const nodeSilence = time.Minute

// newDialer returns the net package's way to a node.
func newDialer() *net.Dialer {
	d := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: nodeSilence, Interval: -1, Count: -1}}
	d.SetMultipathTCP(false)
	return d
}

// Dial implements Engine.
func (p *Portable) Dial(ctx context.Context, address string) (net.Conn, error) {
	return p.dialer.DialContext(ctx, "tcp", address)
}
