package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/internal/config"
	"fermata/internal/handover"
)

// readyWithin is how long a successor may take to be able to serve.
const readyWithin = 20 * time.Second

// giveWay gives this process's place to another one, once that can serve, and follows
// it from then on. Until then nothing changes here. ListenOn keeps the end of ctx from
// ending the connection, which is up to follow.
func (a *App) giveWay(ctx context.Context, conn *handover.Conn, hello handover.Hello, listenOn func() bool) {
	s := &a.succession
	if !s.giving.TryLock() {
		a.refuse(conn, "another process is taking over")
		return
	}
	defer s.giving.Unlock()
	if s.isFollowing() {
		a.refuse(conn, "this process does not serve any more")
		return
	}
	a.log.Info("another process wants to take over", zap.Int("pid", conn.PeerPID()), zap.String("version", hello.Fermata))
	ready, err := a.offer(conn)
	if err != nil {
		a.log.Error("not taken over, nothing has changed", zap.NamedError("err", err))
		s.outcome(err)
		return
	}
	f, yours := a.retire(conn, hello, ready)
	if err = conn.Send(handover.KindYours, yours); err != nil {
		err = fmt.Errorf("the new process has gone: %w", err) // which following it finds out, too
	}
	s.outcome(err)
	s.giving.Unlock() // who serves next may change while this process follows
	defer s.giving.Lock()
	listenOn()
	a.follow(ctx, f)
}

// offer passes the sockets on, and waits until the successor can serve.
func (a *App) offer(conn *handover.Conn) (ready handover.Ready, err error) {
	sockets, files, err := a.sockets()
	defer closeAll(files)
	if err != nil {
		return ready, err
	}
	welcome := handover.Welcome{Hello: a.hello(), Sockets: sockets, State: a.council.View().State, Down: a.down()}
	if welcome.Found, err = json.Marshal(a.discovery.found()); err != nil {
		return ready, err
	}
	if err := conn.Send(handover.KindWelcome, welcome, descriptors(files)...); err != nil {
		return ready, err
	}
	m, err := conn.Receive(time.Now().Add(readyWithin))
	m.Close()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ready, fmt.Errorf("the new process was not ready within %s", readyWithin)
	case err != nil:
		return ready, fmt.Errorf("the new process has gone before it was ready: %w", err)
	case m.Kind != handover.KindReady:
		return ready, fmt.Errorf("got %q, want %q", m.Kind, handover.KindReady)
	case m.Body == nil:
		return ready, nil
	}
	return ready, m.Into(&ready)
}

// sockets are what a successor needs not open itself. The caller closes the files,
// also those that come with an error.
func (a *App) sockets() (sockets []handover.Socket, files []*os.File, err error) {
	add := func(of interface{ File() (*os.File, error) }, s handover.Socket) {
		file, fileErr := of.File()
		if fileErr != nil {
			err = errors.Join(err, fmt.Errorf("%s %s: %w", s.What, s.Address, fileErr))
			return
		}
		sockets, files = append(sockets, s), append(files, file)
	}
	for _, l := range a.listeners {
		if !l.left.Load() {
			add(l, handover.Socket{What: handover.Clients, Address: l.address})
		}
	}
	if a.operators != nil && !a.succession.noOperators {
		add(a.operators, handover.Socket{What: handover.Admin, Address: a.now().Admin.Address, Path: a.operators.Path()})
	}
	add(a.succession.gate, handover.Socket{What: handover.Upgrade, Address: a.succession.at()})
	if a.state.lock != nil {
		add(lockFile{a.state.lock}, handover.Socket{What: handover.StateDir, Address: a.state.path})
	}
	return sockets, files, err
}

// now is the configuration.
func (a *App) now() *config.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.config
}

// down are the nodes that are, and why.
func (a *App) down() map[string]string {
	down := make(map[string]string)
	for _, n := range a.pool.Nodes() {
		if !n.Up {
			down[n.Name] = n.Reason
		}
	}
	return down
}

// retire ends this process's part as the one that serves: it accepts nobody, and
// writes no files. Who is on the way in comes in.
func (a *App) retire(conn *handover.Conn, hello handover.Hello, ready handover.Ready) (*following, handover.Yours) {
	a.takeEnvironment()
	for _, l := range a.listeners {
		l.Pause()
	}
	s := &a.succession
	s.gate.Pause()
	if a.operators != nil {
		a.operators.Pause()
		a.operators.Keep(true)
	}
	s.gate.Keep(true)
	a.handler.Retire()
	a.admin.Retire(true)
	f := a.followOn(conn)
	for _, socket := range ready.Left {
		a.closeLeft(socket)
	}
	a.stopWriting()
	yours := handover.Yours{Report: a.followerReport()}
	if a.alone != nil {
		yours.State = new(a.alone.Yield(yours.Claims))
	}
	pid := conn.PeerPID()
	a.told(a.Manager.Main(pid))
	a.tell("replaced", "", fmt.Sprintf("process %d (%s) serves from now on", pid, hello.Fermata))
	s.release()
	s.move(ready.Socket)
	return f, yours
}

// closeLeft closes a socket that the configuration has no more. It must not be left
// open, as who connects there would wait for nothing.
func (a *App) closeLeft(socket handover.Socket) {
	switch socket.What {
	case handover.Clients:
		for _, l := range slices.Backward(a.listeners) {
			if l.address == socket.Address && l.left.CompareAndSwap(false, true) {
				l.Close()
				return
			}
		}
	case handover.Admin:
		a.succession.noOperators = true
		a.operators.Keep(false)
		a.operators.Close()
	}
}

// serveAgain is for a process whose successor has gone: it has its sockets still.
func (a *App) serveAgain(ctx context.Context) {
	s := &a.succession
	s.hand(nil)
	if a.alone != nil {
		a.alone.Unfollow()
	}
	a.writeAgain()
	a.handler.Unretire()
	a.admin.Retire(false)
	s.gate.Moved(s.at())
	s.gate.Keep(false)
	s.gate.Resume()
	if a.operators != nil {
		a.operators.Keep(false)
		a.operators.Resume()
	}
	for _, l := range a.listeners {
		l.Resume()
	}
	a.told(a.Manager.Main(os.Getpid()))
	a.told(a.Manager.Ready(a.status()))
	a.tell("serving_again", "", "the process that had taken over has gone")
}
