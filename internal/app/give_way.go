package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"fermata/internal/handover"
)

// readyWithin is how long a successor may take to be able to serve.
const readyWithin = 20 * time.Second

// giveWay gives this process's place to another one, once that can serve, and follows
// it from then on. Until then nothing changes here.
func (a *App) giveWay(ctx context.Context, conn *handover.Conn, hello handover.Hello) {
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
	err := a.offer(conn)
	if err != nil {
		a.log.Error("not taken over, nothing has changed", zap.NamedError("err", err))
		s.outcome(err)
		return
	}
	f := a.retire(conn, hello)
	if err = conn.Send(handover.KindYours, a.followerReport()); err != nil {
		err = fmt.Errorf("the new process has gone: %w", err) // which following it finds out, too
	}
	s.outcome(err)
	s.giving.Unlock() // who serves next may change while this process follows
	defer s.giving.Lock()
	a.follow(ctx, f)
}

// offer passes the sockets on, and waits until the successor can serve.
func (a *App) offer(conn *handover.Conn) error {
	sockets, files, err := a.sockets()
	defer closeAll(files)
	if err != nil {
		return err
	}
	welcome := handover.Welcome{Hello: a.hello(), Sockets: sockets, State: a.council.View().State, Down: a.down()}
	if welcome.Found, err = json.Marshal(a.discovery.found()); err != nil {
		return err
	}
	if err := conn.Send(handover.KindWelcome, welcome, descriptors(files)...); err != nil {
		return err
	}
	m, err := conn.Receive(time.Now().Add(readyWithin))
	m.Close()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the new process was not ready within %s", readyWithin)
	case err != nil:
		return fmt.Errorf("the new process has gone before it was ready: %w", err)
	case m.Kind != handover.KindReady:
		return fmt.Errorf("got %q, want %q", m.Kind, handover.KindReady)
	}
	return nil
}

// sockets are what a successor needs not open itself. The caller closes the files,
// also those that come with an error.
func (a *App) sockets() (sockets []handover.Socket, files []*os.File, err error) {
	add := func(what, address string, of interface{ File() (*os.File, error) }) {
		file, fileErr := of.File()
		if fileErr != nil {
			err = errors.Join(err, fmt.Errorf("%s %s: %w", what, address, fileErr))
			return
		}
		sockets, files = append(sockets, handover.Socket{What: what, Address: address}), append(files, file)
	}
	for i, l := range a.listeners {
		add(handover.Clients, a.config.Listen[i].Address, l.clients)
	}
	if a.operators != nil {
		add(handover.Admin, a.config.Admin.Address, a.operators)
	}
	add(handover.Upgrade, a.succession.socket, a.succession.gate)
	if a.state.lock != nil {
		add(handover.StateDir, a.state.path, lockFile{a.state.lock})
	}
	return sockets, files, err
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
func (a *App) retire(conn *handover.Conn, hello handover.Hello) *following {
	for _, l := range a.listeners {
		l.clients.Pause()
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
	a.stopWriting()
	pid := conn.PeerPID()
	a.told(a.Manager.Main(pid))
	a.tell("replaced", "", fmt.Sprintf("process %d (%s) serves from now on", pid, hello.Fermata))
	s.release()
	return f
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
	s.gate.Keep(false)
	s.gate.Resume()
	if a.operators != nil {
		a.operators.Keep(false)
		a.operators.Resume()
	}
	for _, l := range a.listeners {
		l.clients.Resume()
	}
	a.told(a.Manager.Main(os.Getpid()))
	a.told(a.Manager.Ready(a.status()))
	a.tell("serving_again", "", "the process that had taken over has gone")
}
