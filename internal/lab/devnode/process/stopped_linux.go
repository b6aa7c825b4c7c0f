package process

import "golang.org/x/sys/unix"

// untilStopped waits until a stop signal has taken hold of the process: kill
// returns as soon as the signal is sent, and the process runs on for a moment.
// It leaves the state for Wait to collect, and does not outlast the process.
func untilStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
