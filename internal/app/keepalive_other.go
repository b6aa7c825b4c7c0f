//go:build !darwin

package app

import "golang.org/x/sys/unix"

const keepIdle = unix.TCP_KEEPIDLE
