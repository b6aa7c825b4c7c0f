//go:build unix && !linux

package pebble

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
