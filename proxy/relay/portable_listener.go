package relay

import "net"

// entrance is a listener of the net package's.
type entrance struct {
	net.Listener
	enter Enter
}

// Accept implements net.Listener.
func (e *entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if entered := e.enter.of(conn); entered != nil {
			return entered, nil
		}
	}
}
