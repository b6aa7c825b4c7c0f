package relay

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// Detached is a relay that is handed over between two processes. Nobody reads and
// nobody writes its connections here, but both are open, until Gone or Resume.
// One of them must be called, as Engine.Wait waits for that; only the first call
// counts. They do not wait.
//
// Meanwhile Relay.Close and Engine.Cut are remembered until Resume, a hold is
// aborted at once, and no other node is taken.
type Detached struct {
	relay        Relay
	owner        Owner
	client, node int
	state        []byte
	gone, resume func()
}

// Relay is the relay itself.
func (d *Detached) Relay() Relay { return d.relay }

// Owner is whose relay it is.
func (d *Detached) Owner() Owner { return d.owner }

// Client is the descriptor of the client's connection, which is this relay's.
func (d *Detached) Client() int { return d.client }

// Node is the descriptor of the node's.
func (d *Detached) Node() int { return d.node }

// State is what Engine.Attach must know of the relay, as JSON. Nil: the relay comes
// from Attach.
func (d *Detached) State() []byte { return d.state }

// Gone is that another process has the relay. The descriptors are closed, which
// ends no connection that it has, and the owner hears nothing any more.
func (d *Detached) Gone() { d.gone() }

// Resume has the relay go on here, as if nothing had been.
func (d *Detached) Resume() { d.resume() }

// Listener is where clients come in. Its methods may be called concurrently.
type Listener interface {
	net.Listener
	// Pause has Accept wait until Resume or Close. Once it returns, nothing more is
	// accepted here. The socket still listens: who wants to come in waits in its
	// queue, for Resume or for another process that has the socket.
	Pause()
	// Resume ends a pause.
	Resume()
	// File is another descriptor of the socket, for another process. It is closed by
	// the caller. Its Fd leaves the socket as it is, for both processes; that of what
	// net.TCPListener.File returns makes it blocking.
	File() (*os.File, error)
}

// ErrStays is why a relay cannot be handed over, now or later.
var ErrStays = errors.New("the relay cannot be handed over")

// Why a relay cannot be handed over, or not now.
var (
	errNoHandOver = fmt.Errorf("%w by this engine", ErrStays)
	errOverTLS    = fmt.Errorf("%w: it uses TLS", ErrStays)
	errDetached   = errors.New("the relay is being handed over")
	errQueue      = errors.New("too much is queued for a side that does not read")
)

// closeBoth is for descriptors that cannot be used.
func closeBoth(client, node int) error {
	if client == node {
		return closeDescriptor(client)
	}
	return errors.Join(closeDescriptor(client), closeDescriptor(node))
}

// closeDescriptor leaves a negative number alone.
func closeDescriptor(fd int) error {
	if fd < 0 {
		return nil
	}
	return os.NewFile(uintptr(fd), "").Close()
}
