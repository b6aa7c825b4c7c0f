package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are the listening sockets that the manager has opened for this process,
// as long as nobody has taken them. The methods of nil find none. It is not for
// concurrent use.
type Sockets struct{ left []socket }

type socket struct {
	name string // FileDescriptorName of its unit; by default the unit's own name
	net.Listener
}

// SocketsFromEnvironment takes over the sockets that were passed to this process,
// which may do it once; nil: there are none. One that does not listen is an error.
func SocketsFromEnvironment() (*Sockets, error) { return NewSockets(activation.Files(true)) }

// NewSockets takes over these sockets, each with its name. It closes the files.
func NewSockets(files []*os.File) (*Sockets, error) {
	if len(files) == 0 {
		return nil, nil
	}
	s := new(Sockets)
	var bad error
	for _, file := range files {
		l, err := net.FileListener(file)
		file.Close()
		if err != nil {
			bad = fmt.Errorf("socket %s of the service manager: %w", file.Name(), err)
			continue
		}
		s.left = append(s.left, socket{file.Name(), l})
	}
	if bad != nil {
		s.Close()
		return nil, bad
	}
	return s, nil
}

// Take returns the socket of that name or, if there is none, the one that listens
// on that address: HOST:PORT or unix:PATH. Nil: there is none. The caller closes
// it, which leaves a socket's file where it is.
func (s *Sockets) Take(name, address string) net.Listener {
	if s == nil || len(s.left) == 0 {
		return nil
	}
	i := slices.IndexFunc(s.left, func(l socket) bool { return l.name == name })
	if i < 0 {
		i = slices.IndexFunc(s.left, func(l socket) bool { return ListensOn(l.Addr(), address) })
	}
	if i < 0 {
		return nil
	}
	l := s.left[i].Listener
	s.left = slices.Delete(s.left, i, i+1)
	return l
}

// Left are the addresses of the sockets that nobody has taken, with their names.
func (s *Sockets) Left() (all []string) {
	if s == nil {
		return nil
	}
	for _, l := range s.left {
		all = append(all, fmt.Sprintf("%s (%s)", l.Addr(), l.name))
	}
	return all
}

// Close closes those that nobody has taken.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	for _, l := range s.left {
		l.Close()
	}
	s.left = nil
}

// ListensOn is whether a socket listens where this address, HOST:PORT or
// unix:PATH, says.
func ListensOn(socket net.Addr, address string) bool {
	switch socket := socket.(type) {
	case *net.UnixAddr:
		return filepath.IsAbs(socket.Name) && address == "unix:"+socket.Name
	case *net.TCPAddr:
		want, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || want.Port != socket.Port {
			return false
		}
		anywhere := want.IP == nil && socket.IP.IsUnspecified()
		return anywhere || want.IP.Equal(socket.IP) && want.Zone == socket.Zone
	}
	return false
}
