//go:build unix

// Package port has ports for tests in which nobody listens at first, or not
// always: a port that is merely free now may be somebody else's a moment later.
package port

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// Reserve returns an address of loopback, HOST:PORT, for somebody who listens
// there later, and perhaps again after that. The system gives its port to nobody
// else until the test ends, and refuses connections while nobody listens.
func Reserve(t testing.TB) string {
	t.Helper()
	fd, port, err := bound()
	if err != nil {
		t.Fatal(os.NewSyscallError("reserve a port", err))
	}
	t.Cleanup(func() { syscall.Close(fd) })
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// bound is a socket that has a port and does not listen. Its SO_REUSEADDR, and
// that of the one who listens, which Go sets, let both have the port.
func bound() (fd, port int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err != nil {
		return 0, 0, err
	}
	syscall.CloseOnExec(fd)
	if port, err = bind(fd); err != nil {
		syscall.Close(fd)
	}
	return fd, port, err
}

func bind(fd int) (port int, err error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return address.(*syscall.SockaddrInet4).Port, nil
}
