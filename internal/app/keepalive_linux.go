package app

import "golang.org/x/sys/unix"

const (
	keepIdle    = unix.TCP_KEEPIDLE
	userTimeout = unix.TCP_USER_TIMEOUT
)
