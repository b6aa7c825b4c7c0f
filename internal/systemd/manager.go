// Package systemd is what a service manager tells the process that it starts, and
// is told by it: sd_notify(3), its watchdog, and the sockets that it has opened
// (sd_listen_fds(3)). Without a service manager nothing of this happens.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Manager is the service manager that waits for messages of this process. Each
// method sends one and waits for the system to take it, for patience at the most.
// They may be called concurrently; those of nil do nothing.
type Manager struct {
	socket   *net.UnixAddr
	watchdog time.Duration
}

// patience is how long a message may wait for a manager that reads nothing.
// daemon.SdNotify has no such bound, and a stop must not wait for anybody.
const patience = 100 * time.Millisecond

// FromEnvironment is the manager that the environment names; nil: there is none.
// The error is a watchdog's time that cannot be read.
func FromEnvironment() (*Manager, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("WATCHDOG_USEC: %w", err)
	}
	return &Manager{socket: &net.UnixAddr{Name: name, Net: "unixgram"}, watchdog: watchdog}, nil
}

// Watchdog is how long the manager waits for Works before it restarts the process;
// 0: for ever.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// Ready tells that the process serves: it has started, or a reload is over.
func (m *Manager) Ready(status string) error { return m.send("READY=1", "STATUS="+status) }

// Reloading tells that a reload begins; Ready ends it.
func (m *Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	return m.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000), "STATUS=reloading")
}

// Main tells that another process is the service's main one from now on.
func (m *Manager) Main(pid int) error { return m.send(fmt.Sprintf("MAINPID=%d", pid)) }

// Stopping tells that the process is about to end.
func (m *Manager) Stopping(status string) error { return m.send("STOPPING=1", "STATUS="+status) }

// Status tells how it goes, in one line for people.
func (m *Manager) Status(text string) error { return m.send("STATUS=" + text) }

// Works keeps the watchdog from restarting the process, for another Watchdog.
func (m *Manager) Works() error { return m.send("WATCHDOG=1") }

func (m *Manager) send(lines ...string) error {
	if m == nil {
		return nil
	}
	conn, err := net.DialUnix(m.socket.Net, nil, m.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	return err
}
