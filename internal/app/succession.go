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
)

// succession is how this process takes the place of another one, and another one
// takes its place. Its zero value is a process that nobody can follow.
//
// One process serves. It leads its predecessors, which have clients left, and tells
// them what is decided; they follow it, and tell it what they have.
type succession struct {
	socket string                    // empty: nobody can follow
	gate   *handover.Gate            // where successors come
	from   *inheritance              // from the predecessor that this process takes the place of; nil: there is none
	giving sync.Mutex                // held while one process gives its place to another
	links  sync.WaitGroup            // goroutines of connections with other processes
	gone   context.CancelCauseFunc   // ends this process
	link   atomic.Pointer[following] // to the successor; nil: there is none

	mu           sync.Mutex
	lock         *handover.Lock            // of who serves; nil: this process does not
	predecessors map[*predecessor]struct{} // that this process leads
	successor    *handover.Conn            // that this process follows; nil: it serves
	stopping     bool                      // successor and predecessors stop together
	started      *starting                 // by an upgrade; nil: none is under way
	claimed      map[string]int            // see claims; nil: this process serves
}

// errReplaced is the end of a process without clients whose place another one has.
var errReplaced = errors.New("replaced")

// openSuccession opens the socket at which a successor comes. One that is only there by
// default, and cannot be had, keeps nobody from serving.
func (a *App) openSuccession() error {
	o := a.config.Upgrade
	path := o.Path(a.config.Admin)
	if path == "" {
		return nil
	}
	err := a.openSocket(path)
	if err == nil {
		a.succession.socket = path
		return nil
	}
	if o.Socket != "" || errors.Is(err, handover.ErrHeld) {
		return fmt.Errorf("upgrade.socket: %w", err)
	}
	a.log.Warn("no fermata upgrade is possible, set upgrade.socket", zap.NamedError("err", err))
	return nil
}

func (a *App) openSocket(path string) (err error) {
	s := &a.succession
	if passed := s.from.take(handover.Upgrade, path); passed != nil {
		s.gate, err = handover.GateOf(passed)
		return err
	}
	if s.lock, err = handover.TakeLock(path); err != nil {
		return fmt.Errorf("%w: fermata serve --take-over takes its place", err)
	}
	if s.gate, err = handover.Listen(path); err != nil {
		s.lock.Release()
		s.lock = nil
	}
	return err
}

func (a *App) closeSuccession() {
	s := &a.succession
	if s.gate != nil {
		s.gate.Close()
	}
	s.lock.Release()
	s.from.close()
}

// awaitSuccessors lets other processes in until ctx ends: those that are to take this
// one's place, and those whose place it has.
func (a *App) awaitSuccessors(ctx context.Context) {
	s := &a.succession
	if s.gate == nil {
		return
	}
	defer context.AfterFunc(ctx, func() { s.gate.Close() })()
	for {
		conn, err := handover.AcceptPeer(s.gate)
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
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Interrupt)()
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
		a.giveWay(ctx, conn, hello)
	case m.Kind == handover.KindFollow:
		a.lead(ctx, a.newPredecessor(conn, hello))
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

// hand makes conn that of the successor; nil: this process serves.
func (s *succession) hand(conn *handover.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successor = conn
}

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
