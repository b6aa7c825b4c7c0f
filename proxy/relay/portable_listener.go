package relay

import (
	"net"
	"os"
)

// entrance is a listener of the net package's. It has no pause, as this engine
// hands nothing over.
type entrance struct {
	net.Listener
	in Incoming
}

// Accept implements net.Listener.
func (e *entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if entered := e.in.Enter.of(conn); entered != nil {
			return e.in.secure(entered), nil
		}
	}
}

// Pause implements Listener. It does nothing.
func (e *entrance) Pause() {}

// Resume implements Listener. It does nothing.
func (e *entrance) Resume() {}

// File implements Listener.
func (e *entrance) File() (*os.File, error) { return nil, errNoHandOver }
