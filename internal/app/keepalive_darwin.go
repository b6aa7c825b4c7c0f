package app

import "golang.org/x/sys/unix"

const (
	keepIdle    = unix.TCP_KEEPALIVE
	userTimeout = 0 // there is no such option
)
