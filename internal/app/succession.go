package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fermata/internal/handover"
	"fermata/internal/metrics"
)

// succession is how this process takes the place of another one, and another one
// takes its place. Its zero value is a process that nobody can follow.
//
// One process serves. It leads its predecessors, which have clients left, and tells
// them what is decided; they follow it, and tell it what they have.
type succession struct {
	gate   *handover.Gate            // where successors come
	from   *inheritance              // from the predecessor that this process takes the place of; nil: there is none
	giving sync.Mutex                // held while one process gives its place to another
	links  sync.WaitGroup            // goroutines of connections with other processes
	gone   context.CancelCauseFunc   // ends this process
	link   atomic.Pointer[following] // to the successor; nil: there is none

	mu           sync.Mutex
	socket       string                    // where successors come; empty: nobody can follow
	lock         *handover.Lock            // of who serves; nil: this process does not
	predecessors map[*predecessor]struct{} // that this process leads
	successor    *handover.Conn            // that this process follows; nil: it serves
	stopping     bool                      // successor and predecessors stop together
	started      *starting                 // by an upgrade; nil: none is under way
	claimed      map[string]int            // see claims; nil: this process serves
	begun        time.Time                 // of following; zero: this process serves

	noOperators bool // the admin endpoint was left by a successor; guarded by giving
}

// errReplaced is the end of a process without clients whose place another one has.
var errReplaced = errors.New("replaced")

// openSuccession opens the socket at which a successor comes. One that is only there by
// default, and cannot be had, keeps nobody from serving.
func (a *App) openSuccession() error {
	o := a.config.Upgrade
	path := o.Path(a.config.Admin)
	var err error
	if passed := a.succession.from.takeSocket(); passed != nil {
		err = a.inheritSocket(passed, path)
	} else if path != "" {
		err = a.openSocket(path)
	}
	if err == nil {
		return nil
	}
	if o.Socket != "" || errors.Is(err, handover.ErrHeld) {
		return fmt.Errorf("upgrade.socket: %w", err)
	}
	a.log.Warn("no fermata upgrade is possible, set upgrade.socket", zap.NamedError("err", err))
	return nil
}

// inheritSocket takes the predecessor's socket, which is also found at path from then
// on. Empty: it stays where it is.
func (a *App) inheritSocket(passed *passed, path string) (err error) {
	s := &a.succession
	s.socket = passed.Address
	if s.gate, err = handover.GateOf(passed.File, passed.Address); err != nil || path == "" || path == s.socket {
		return err
	}
	if s.lock, err = handover.TakeLock(path); err != nil {
		return err
	}
	if err = s.gate.Link(path); err != nil {
		s.lock.Release()
		s.lock = nil
		return err
	}
	s.socket = path
	return nil
}

// settle is for a process that has its predecessor's place: the files of the sockets
// are its own.
func (a *App) settle() {
	s := &a.succession
	if old := s.gate.Path(); old != s.socket {
		_ = os.Remove(old)
		s.gate.Moved(s.socket)
	}
	s.gate.Keep(false)
	if a.operators != nil {
		a.operators.Keep(false)
	}
}

func (a *App) openSocket(path string) (err error) {
	s := &a.succession
	s.socket = path
	if s.lock, err = handover.TakeLock(path); err != nil {
		return fmt.Errorf("%w: fermata serve --take-over takes its place", err)
	}
	if s.gate, err = handover.Listen(path); err != nil {
		s.lock.Release()
		s.lock, s.socket = nil, ""
	}
	return err
}

func (a *App) closeSuccession() {
	s := &a.succession
	if s.gate != nil {
		if at := s.at(); s.from != nil && s.from.first == nil && at != s.gate.Path() {
			_ = os.Remove(at) // the predecessor's socket, which stays where it was
		}
		s.gate.Close()
	}
	s.lock.Release()
	s.from.close()
	a.farewell()
}

// awaitSuccessors lets other processes in until ctx ends: those that are to take this
// one's place, and those whose place it has.
func (a *App) awaitSuccessors(ctx context.Context) {
	s := &a.succession
	if s.gate == nil {
		return
	}
	defer context.AfterFunc(ctx, func() { s.gate.Close() })()
	gate := a.steady(s.gate)
	for {
		conn, err := handover.AcceptPeer(gate)
		if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			a.log.Error("upgrade socket", zap.NamedError("err", err))
			return
		}
		s.links.Go(func() { a.meet(ctx, conn) })
	}
}

// helloWithin is how long one that connects may take to say what it wants.
const helloWithin = 5 * time.Second

func (a *App) meet(ctx context.Context, conn *handover.Conn) {
	defer a.part(conn)
	stop := context.AfterFunc(ctx, conn.Interrupt)
	defer stop()
	var hello handover.Hello
	m, err := conn.Receive(time.Now().Add(helloWithin))
	if err == nil {
		err = m.Into(&hello)
		m.Close()
	}
	switch {
	case err != nil:
		a.log.Warn("upgrade socket: not understood", zap.NamedError("err", err))
	case hello.Protocol != handover.Version:
		a.refuse(conn, fmt.Sprintf("got version %d of the protocol between two Fermatas, want %d: stop this Fermata (%s) and start the other", hello.Protocol, handover.Version, a.Version))
	case m.Kind == handover.KindTakeOver:
		a.giveWay(ctx, conn, hello, stop)
	case m.Kind == handover.KindFollow && (a.succession.isFollowing() || conn.PeerPID() == os.Getpid()): // it looks again, or was this process
	case m.Kind == handover.KindFollow && stop():
		a.lead(ctx, a.newPredecessor(conn, hello))
	case m.Kind == handover.KindFollow:
	default:
		a.refuse(conn, fmt.Sprintf("got %q, want %q or %q", m.Kind, handover.KindTakeOver, handover.KindFollow))
	}
}

// refuse tells another process that it gets nothing.
func (a *App) refuse(conn *handover.Conn, reason string) {
	a.log.Warn("upgrade refused", zap.String("reason", reason))
	_ = conn.Send(handover.KindRefused, handover.Refusal{Reason: reason})
}

func (a *App) hello() handover.Hello {
	return handover.Hello{Protocol: handover.Version, Fermata: a.Version, PID: os.Getpid()}
}

// isReplaced is whether another process serves in this one's place.
func (a *App) isReplaced() bool {
	s := &a.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.successor != nil && !s.stopping
}

// at is where successors come.
func (s *succession) at() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket
}

// move is that successors come elsewhere; empty: they do not.
func (s *succession) move(socket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if socket != "" {
		s.socket = socket
	}
}

// hand makes conn that of the successor; nil: this process serves.
func (s *succession) hand(conn *handover.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successor = conn
	switch {
	case conn == nil:
		s.begun = time.Time{}
	case s.begun.IsZero():
		s.begun = time.Now()
	}
}

// part closes a connection, unless it is that to a successor that this process tells
// of its end.
func (a *App) part(conn *handover.Conn) {
	s := &a.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.successor != conn {
		conn.Close()
	}
}

// farewell tells the successor that this process has ended.
func (a *App) farewell() {
	s := &a.succession
	s.mu.Lock()
	conn := s.successor
	s.mu.Unlock()
	if conn == nil {
		return
	}
	all, err := metrics.Expose(a.together.Own())
	conn.EndWithin(farewellWithin) // which is not for collecting them
	if err == nil {
		_ = conn.Send(handover.KindDone, handover.Metrics{Families: all})
	}
	conn.Close()
}

// farewellWithin is how long the others may take to hear that this process ends.
const farewellWithin = 300 * time.Millisecond

// isFollowing is whether there is a successor.
func (s *succession) isFollowing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.successor != nil
}

// together is that the successor stops, and this process does, too.
func (s *succession) together() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// serve makes this process the one that serves.
func (s *succession) serve(lock *handover.Lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lock = lock
}

// release gives the lock back, for the successor.
func (s *succession) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lock.Release()
	s.lock = nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// descriptors are those of files, which stay open as long as these are.
func descriptors(files []*os.File) (all []int) {
	for _, file := range files {
		all = append(all, int(file.Fd()))
	}
	return all
}

// lockFile is a file that is passed on with its lock.
type lockFile struct{ of *os.File }

// File is another descriptor of the file.
func (l lockFile) File() (*os.File, error) {
	fd, err := unix.FcntlInt(l.of.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), l.of.Name()), nil
}
