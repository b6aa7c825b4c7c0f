package app

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How the kernel finds out that a client has vanished: after so long without a
// word it asks, and asks again; and what was sent it gives up after so long
// without an acknowledgement.
const (
	clientSilence  = time.Minute
	clientAskAgain = 15 * time.Second
	clientUnheard  = 90 * time.Second
)

// keepAlive sets that for a listening socket, from which the connections that
// it accepts inherit it: so it costs nothing a client.
func keepAlive(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		set := func(level, option, value int) {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), level, option, value))
		}
		set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		set(unix.IPPROTO_TCP, keepIdle, int(clientSilence.Seconds()))
		set(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(clientAskAgain.Seconds()))
		if userTimeout != 0 {
			set(unix.IPPROTO_TCP, userTimeout, int(clientUnheard.Milliseconds()))
		}
	})
	return errors.Join(controlErr, err)
}
