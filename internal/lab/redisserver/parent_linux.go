package redisserver

import "syscall"

// dieWithParent leaves no server behind when a test is killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
