package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A client costs two file descriptors, and so does a plain request, which is
// served beyond the limit of clients too; the rest is for listeners, checks,
// the admin endpoint and files.
const spareFiles = 144

// raiseFileLimit raises the process's limit of open files as far as it may,
// and returns it.
func raiseFileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return 0, fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
		}
	}
	return uint64(limit.Cur), nil
}

// clientsFor is how many clients fit into a limit of open files, with a
// sixteenth more for plain requests and for clients that are turned away.
func clientsFor(files uint64) int {
	const most = 1 << 24
	files = min(files, most)
	return max(1, (int(files)-spareFiles)*8/17)
}
