package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Listen opens the admin endpoint: unix:PATH, for this user alone and removed
// upon Close, or HOST:PORT. What a dead process left at PATH is replaced; one
// that still answers is an error that is syscall.EADDRINUSE.
func Listen(address string) (net.Listener, error) {
	path, isUnix := Socket(address)
	if !isUnix {
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		return config.Listen(context.Background(), "tcp", address)
	}
	listener, err := listenUnix(path)
	if errors.Is(err, syscall.EADDRINUSE) && stale(path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing what a dead process left: %w", err)
		}
		listener, err = listenUnix(path)
	}
	return listener, err
}

func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: private}
	listener, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// private sets the mode of the socket file to be, so that on Linux there is no
// moment at which others could connect. Where that does not work, Chmod does.
func private(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { syscall.Fchmod(int(fd), 0o600) })
}

// stale is true for a socket on which nobody listens.
func stale(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
