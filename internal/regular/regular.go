// Package regular reads files that people name, and waits for none of them.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Unfit is the error for what is there and is not read: something else than a
// regular file, or more than wanted. It does not have the name.
type Unfit string

func (u Unfit) Error() string { return string(u) }

// Read returns what the regular file of that name holds, or that a symbolic link
// leads to, if these are at most so many bytes. A named pipe, on which opening
// waits for somebody to write, a device and a directory are not opened at all.
// The error is an Unfit, or the system's without the name.
func Read(name string, most int) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, bare(err)
	}
	if err := fit(info); err != nil {
		return nil, err
	}
	// It may be another one by now, so opening must not wait either.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, bare(err)
	}
	if err := fit(info); err != nil {
		return nil, err
	}
	return readAtMost(file, most)
}

func readAtMost(file io.Reader, most int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(text) > most {
		return nil, Unfit(fmt.Sprintf("got more than %d bytes, want fewer", most))
	}
	return text, nil
}

func fit(info fs.FileInfo) error {
	kind := "something else"
	switch info.Mode().Type() {
	case 0:
		return nil
	case fs.ModeDir:
		kind = "a directory"
	case fs.ModeNamedPipe:
		kind = "a named pipe"
	case fs.ModeSocket:
		kind = "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		kind = "a device"
	}
	return Unfit("got " + kind + ", want a regular file")
}

// bare leaves out the name and the system call.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
