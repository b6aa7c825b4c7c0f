package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/internal/handover"
)

// inheritance is what a predecessor passes on. The methods of nil find nothing.
type inheritance struct {
	conn    *handover.Conn
	welcome handover.Welcome
	sockets []passed // that nobody has taken
	left    []handover.Socket
	first   *predecessor // it, once this process has its place; nil: it has not
}

type passed struct {
	handover.Socket
	*os.File
}

// meetPredecessor asks the one that serves for its place. Without one that is an
// ordinary start.
func (a *App) meetPredecessor() error {
	path := cmp.Or(a.Predecessor, a.config.Upgrade.Path(a.config.Admin))
	if path == "" {
		return errors.New("upgrade.socket: got none, want the path of a unix socket, at which the one that serves is found")
	}
	conn, err := handover.Dial(path)
	if errors.Is(err, handover.ErrNobody) {
		a.log.Info("nobody serves whose place could be taken, this is an ordinary start", zap.String("socket", path))
		return nil
	}
	if err == nil {
		a.succession.from, err = inherit(conn, a.hello())
	}
	if err != nil {
		return fmt.Errorf("take over at %s: %w", path, err)
	}
	return nil
}

// welcomeWithin is how long a predecessor may take to answer.
const welcomeWithin = 10 * time.Second

func inherit(conn *handover.Conn, hello handover.Hello) (_ *inheritance, err error) {
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err = conn.Send(handover.KindTakeOver, hello); err != nil {
		return nil, err
	}
	m, err := conn.Receive(time.Now().Add(welcomeWithin))
	if err != nil {
		return nil, err
	}
	i := &inheritance{conn: conn}
	if err = open(m, handover.KindWelcome, &i.welcome); err == nil && len(m.Files) != len(i.welcome.Sockets) {
		err = fmt.Errorf("got %d descriptors, want %d", len(m.Files), len(i.welcome.Sockets))
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	for n, socket := range i.welcome.Sockets {
		i.sockets = append(i.sockets, passed{socket, os.NewFile(uintptr(m.Files[n]), socket.What+" "+socket.Address)})
	}
	return i, nil
}

// open reads a message of that kind.
func open(m handover.Message, kind string, body any) error {
	var refusal handover.Refusal
	switch m.Kind {
	case kind:
		return m.Into(body)
	case handover.KindRefused:
		if err := m.Into(&refusal); err != nil {
			return err
		}
		return errors.New("refused by the one that serves: " + refusal.Reason)
	}
	return fmt.Errorf("got %q, want %q", m.Kind, kind)
}

// take is a descriptor, which is the caller's from then on; nil: there is none.
func (i *inheritance) take(what, address string) *os.File {
	if i == nil {
		return nil
	}
	at := slices.IndexFunc(i.sockets, func(s passed) bool { return s.What == what && s.Address == address })
	if at < 0 {
		return nil
	}
	file := i.sockets[at].File
	i.sockets = slices.Delete(i.sockets, at, at+1)
	return file
}

// takeSocket is the one where successors come; nil: there is none.
func (i *inheritance) takeSocket() *passed {
	if i == nil {
		return nil
	}
	for _, s := range i.sockets {
		if s.What == handover.Upgrade {
			s.File = i.take(s.What, s.Address)
			return &s
		}
	}
	return nil
}

// path is that of the file that goes with a socket.
func (i *inheritance) path(what, address string) string {
	if i == nil {
		return ""
	}
	for _, s := range i.welcome.Sockets {
		if s.What == what && s.Address == address {
			return s.Path
		}
	}
	return ""
}

// leave closes what nobody has taken.
func (i *inheritance) leave() {
	if i == nil {
		return
	}
	for _, s := range i.sockets {
		s.Close()
		i.left = append(i.left, s.Socket)
	}
	i.sockets = nil
}

func (i *inheritance) close() {
	if i != nil {
		i.leave()
		i.conn.Close()
	}
}
