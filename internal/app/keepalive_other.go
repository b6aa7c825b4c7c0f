//go:build !linux && !darwin

package app

import "golang.org/x/sys/unix"

const (
	keepIdle    = unix.TCP_KEEPIDLE
	userTimeout = 0 // there is no such option
)
