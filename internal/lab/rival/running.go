//go:build linux

package rival

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/internal/lab/bench/proc"
)

// Running is a program that runs. A nil one is none.
type Running struct {
	command *exec.Cmd
	logFile string
	exited  chan struct{}
}

// Start configures the program, see Configure, and starts it, in a process
// group of its own, so that Ctrl-C is for us alone. It ends with the thread
// that started it, too. The caller stops it.
func (p *Program) Start(templates fs.FS, dir string, values any) (*Running, error) {
	config, err := p.Configure(templates, dir, values)
	if err != nil {
		return nil, err
	}
	r := &Running{logFile: filepath.Join(dir, p.Name+".log"), exited: make(chan struct{})}
	log, err := os.Create(r.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := p.arguments(config)
	r.command = exec.Command(args[0], args[1:]...)
	r.command.Stdout, r.command.Stderr = log, log
	r.command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir) // Caddy writes there
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	go r.wait()
	return r, nil
}

func (r *Running) wait() {
	r.command.Wait()
	close(r.exited)
}

// PID is that of the first process, which may have children. All of them are in its
// process group.
func (r *Running) PID() int { return r.command.Process.Pid }

// Signal sends a signal to the first process.
func (r *Running) Signal(s os.Signal) error { return r.command.Process.Signal(s) }

// Exited is closed when the program has ended.
func (r *Running) Exited() <-chan struct{} { return r.exited }

// Stop ends the program and waits. What the program has started, and has outlived
// it, is killed.
func (r *Running) Stop() {
	if r == nil {
		return
	}
	r.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(3 * time.Second):
	}
	r.Kill()
}

// Kill kills all processes of the program, since nginx's workers would outlive
// their master, and waits: their locks and sockets are free then.
func (r *Running) Kill() {
	syscall.Kill(-r.PID(), syscall.SIGKILL)
	<-r.exited
	for until := time.Now().Add(5 * time.Second); r.hasOthers() && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *Running) hasOthers() bool {
	others, _ := proc.Group(r.PID())
	return len(others) > 0
}

// Said is the end of what the program has logged, for errors.
func (r *Running) Said() string {
	if r == nil {
		return ""
	}
	text, _ := os.ReadFile(r.logFile)
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

// FreePorts are some of 127.0.0.1 that nobody listens on, HOST:PORT.
func FreePorts(count int) (addresses []string, err error) {
	for range count {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
