package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"

	"fermata/internal/admin/endpoint"
	"fermata/internal/handover"
	"fermata/internal/systemd"
)

// openClients is where clients come in: a socket that the service manager has opened
// for this listener, under its path in the configuration as a name or at its
// address, or else one of our own.
func (a *App) openClients(path, address string) (net.Listener, error) {
	if passed := a.succession.from.take(handover.Clients, address); passed != nil {
		defer passed.Close()
		return net.FileListener(passed)
	}
	if l := a.Sockets.Take(path, address); l != nil {
		return inherited(l)
	}
	config := net.ListenConfig{KeepAlive: -1, Control: keepAlive}
	config.SetMultipathTCP(false) // Go's default; it costs, and no browser uses it
	return config.Listen(context.Background(), "tcp", address)
}

// inherited has a socket be as if we had opened it.
func inherited(l net.Listener) (net.Listener, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("got the socket %s of the service manager, want one of TCP", l.Addr())
	}
	raw, err := tcp.SyscallConn()
	if err == nil {
		err = keepAlive("", "", raw)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s of the service manager: %w", tcp.Addr(), err)
	}
	return l, nil
}

// openOperators is where operators come in: the same with the name admin. Since
// who may come in there depends on admin.address, the socket must be at that.
func (a *App) openOperators(o endpoint.Options) (l net.Listener, err error) {
	if passed := a.succession.from.take(handover.Admin, o.Address); passed != nil {
		a.operators, err = handover.GateOf(passed, a.succession.from.path(handover.Admin, o.Address))
		return a.operators, err
	}
	path := ""
	if l = a.Sockets.Take("admin", o.Address); l != nil {
		l, err = privateSocket(l, o)
	} else {
		if file, isUnix := endpoint.Socket(o.Address); isUnix {
			path = file
		}
		l, err = endpoint.Listen(o.Address)
	}
	if err != nil {
		return nil, err
	}
	a.operators, err = handover.NewGate(l, path)
	return a.operators, err
}

// privateSocket is one of the service manager's for operators.
func privateSocket(l net.Listener, o endpoint.Options) (net.Listener, error) {
	err := endpoint.Private(l, o)
	if !systemd.ListensOn(l.Addr(), o.Address) {
		err = fmt.Errorf("got the socket %s of the service manager, want it at admin.address, %s", l.Addr(), o.Address)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// leaveSockets tells of sockets of the service manager that nobody here wants: who
// connects to one waits for nothing.
func (a *App) leaveSockets() {
	for _, socket := range a.Sockets.Left() {
		a.log.Warn("no listener wants this socket of the service manager", zap.String("socket", socket))
	}
	a.Sockets.Close()
}
