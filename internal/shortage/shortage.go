// Package shortage tells what this machine has run out of from what a peer did:
// the one is no reason to think ill of the other.
package shortage

import (
	"errors"
	"syscall"
)

// What can run out; a label of the metrics.
const (
	Files  = "files"  // file descriptors, the process's or the system's
	Ports  = "ports"  // local ports towards a node
	Memory = "memory" // the kernel's, for sockets
)

// Resources are all that can run out.
var Resources = [...]string{Files, Ports, Memory}

// Of is for want of which resource err came about; empty: of none.
func Of(err error) (resource string) {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return Files
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return Ports
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ENOSPC):
		return Memory
	}
	return ""
}
