package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"fermata/internal/regular"
)

// stateDir is where the drains and the roll are remembered, so that a restart
// in the middle of a deploy sends nobody to a node that is about to go, and the
// nodes that were found. The zero value remembers nothing.
type stateDir struct {
	path                string // empty: nothing is remembered
	lock                *os.File
	drains, roll, found stateFile
}

func newStateDir(path string) *stateDir {
	if path == "" {
		return new(stateDir)
	}
	return &stateDir{
		path:   path,
		drains: stateFile{path: filepath.Join(path, "drains.json")},
		roll:   stateFile{path: filepath.Join(path, "roll.json")},
		found:  stateFile{path: filepath.Join(path, "found.json")},
	}
}

// temporary are the names of files that are being written.
const temporary = ".new-*"

// open makes the directory, takes it for this process alone, and tries whether
// files can be written there. Close gives it back.
func (s *stateDir) open() error {
	if s.path == "" {
		return nil
	}
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return err
	}
	if s.lock == nil { // otherwise it was passed on
		if err := s.take(); err != nil {
			return err
		}
	}
	left, _ := filepath.Glob(filepath.Join(s.path, temporary))
	for _, name := range left { // by a process that was killed
		os.Remove(name)
	}
	name, err := writeTemporary(s.path, make([]byte, 4096))
	os.Remove(name)
	return err
}

// take locks a file of the directory. The kernel gives that back when the
// process ends, however it does.
func (s *stateDir) take() (err error) {
	if s.lock, err = os.OpenFile(filepath.Join(s.path, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("another Fermata uses it: %s is locked", s.lock.Name())
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS):
		return nil // a file system without locks
	}
	return err
}

func (s *stateDir) close() {
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}

// leave leaves the files to another process, or takes them back. App.mu is held.
func (s *stateDir) leave(left bool) {
	s.drains.left, s.roll.left, s.found.left = left, left, left
}

// isFull is whether a file could be written once there is room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// stateFile is a file of the state directory. The zero value is none.
type stateFile struct {
	path  string
	taken uint64 // snapshots; guarded by App.mu
	left  bool   // to another process; guarded by App.mu

	mu    sync.Mutex
	tried uint64 // the latest snapshot that was written, or should have been
	err   error  // of that
}

// snapshot takes what is to be remembered now. save writes that, without App.mu,
// unless a later snapshot has been written or tried meanwhile, and errors as that
// one did.
func (f *stateFile) snapshot(value any) (save func() error) {
	if f.path == "" || f.left {
		return func() error { return nil }
	}
	f.taken++
	number := f.taken
	text, err := json.MarshalIndent(value, "", "  ")
	return func() error {
		if err != nil {
			return err
		}
		return f.write(number, text)
	}
}

func (f *stateFile) write(number uint64, text []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number > f.tried {
		f.tried, f.err = number, replaceFile(f.path, text)
	}
	return f.err
}

// mostState is far above what a thousand nodes need.
const mostState = 1 << 20

// read returns what is remembered; nil: nothing is.
func (f *stateFile) read() ([]byte, error) {
	if f.path == "" {
		return nil, nil
	}
	text, err := regular.Read(f.path, mostState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return text, nil
}

// replaceFile writes a file beside the old one and renames it over that: a crash
// leaves the old one or the new one, never half of one.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	name, err := writeTemporary(filepath.Dir(path), text)
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

// writeTemporary writes a file of a new name, which the caller takes away, after
// an error too.
func writeTemporary(dir string, text []byte) (name string, err error) {
	file, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	return file.Name(), errors.Join(err, file.Sync(), file.Close())
}
