package pebble

import "syscall"

// dieWithParent leaves no CA behind when a test is killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
