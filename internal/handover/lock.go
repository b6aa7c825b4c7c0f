package handover

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lock is had by the one that serves. The kernel gives it back when the process ends,
// however it does.
type Lock struct{ file *os.File }

// ErrHeld is that another process has the lock.
var ErrHeld = errors.New("another Fermata serves")

// TakeLock takes the lock of a socket, without waiting. Release gives it back.
func TakeLock(socket string) (*Lock, error) {
	file, err := os.OpenFile(socket+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		file.Close()
		return nil, fmt.Errorf("%s: %w", file.Name(), ErrHeld)
	case err != nil:
		file.Close()
		return nil, &os.PathError{Op: "lock", Path: file.Name(), Err: err}
	}
	return &Lock{file}, nil
}

// Release gives the lock back; that of nil does nothing.
func (l *Lock) Release() {
	if l != nil {
		l.file.Close()
	}
}
