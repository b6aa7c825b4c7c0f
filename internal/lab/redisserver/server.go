//go:build unix

// Package redisserver runs real redis-servers that can be killed, frozen and
// started again, for tests and for storm.
package redisserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/internal/certs"
)

// Options are how a server is run. Address and Dir must be given.
type Options struct {
	Address    string // HOST:PORT
	Dir        string // where its files are
	Password   string // empty: none
	AppendOnly bool   // what was written survives a kill; otherwise nothing does
	TLS        certs.Pair
	// Cluster makes it a Redis cluster of one server; BusAddress is its bus's then.
	Cluster    bool
	BusAddress string
	// Monitors makes it a sentinel of the server with this address, by the name of
	// Master.
	Monitors string
}

// Master is how sentinels call the server that they look after.
const Master = "fermata"

// startTimeout is above what a busy machine takes.
const startTimeout = 30 * time.Second

// Server is a redis-server. Its methods are for one goroutine.
type Server struct {
	options Options
	command *exec.Cmd
	output  *lines
	done    chan struct{} // closed when the process has ended; its owner is wait
}

// Installed is an error that says how to get a redis-server, if there is none.
func Installed() error {
	_, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("%w; .ci/setup installs it", err)
	}
	return nil
}

// Start runs a server, and returns when it can be asked.
func Start(o Options) (*Server, error) {
	s := &Server{options: o}
	if err := s.Restart(); err != nil {
		return nil, err
	}
	if o.Cluster {
		if err := s.takeAllSlots(); err != nil {
			s.Kill()
			return nil, err
		}
	}
	return s, nil
}

// Address is HOST:PORT.
func (s *Server) Address() string { return s.options.Address }

// Restart starts a server that was killed, at the same address and with what it
// has in Dir.
func (s *Server) Restart() error {
	args, err := s.options.arguments()
	if err != nil {
		return err
	}
	s.command, s.output, s.done = exec.Command("redis-server", args...), newLines(), make(chan struct{})
	s.command.Stdout, s.command.Stderr = s.output, s.output
	s.command.SysProcAttr = dieWithParent()
	if err := s.command.Start(); err != nil {
		return err
	}
	go s.wait()
	return s.ready()
}

func (s *Server) wait() {
	s.command.Wait()
	close(s.done)
}

// ready waits until the server says that it is.
func (s *Server) ready() error {
	select {
	case <-s.output.ready:
		return nil
	case <-s.done:
		return fmt.Errorf("redis-server at %s: got an end, want a start:\n%s", s.Address(), s.output)
	case <-time.After(startTimeout):
		s.Kill()
		return fmt.Errorf("redis-server at %s: got nothing for %v, want a start:\n%s", s.Address(), startTimeout, s.output)
	}
}

// Kill ends the server without warning. Afterwards it can be started again.
func (s *Server) Kill() {
	s.command.Process.Kill()
	<-s.done
}

// Freeze stops the server: connections are accepted by the system, and nothing is
// answered.
func (s *Server) Freeze() error { return s.command.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.command.Process.Signal(syscall.SIGCONT) }

// arguments are those of redis-server.
func (o Options) arguments() ([]string, error) {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Monitors != "" {
		return o.sentinel(host, port)
	}
	args := []string{"--bind", host, "--dir", o.Dir, "--save", "", "--appendonly", yes(o.AppendOnly), "--appendfsync", "always"}
	if o.Password != "" {
		args = append(args, "--requirepass", o.Password)
	}
	if o.TLS != (certs.Pair{}) {
		args = append(args, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
			"--tls-cert-file", o.TLS.Cert, "--tls-key-file", o.TLS.Key, "--tls-ca-cert-file", o.TLS.Cert)
	} else {
		args = append(args, "--port", port)
	}
	if o.Cluster {
		_, bus, err := net.SplitHostPort(o.BusAddress)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", bus)
	}
	return args, nil
}

func yes(so bool) string {
	if so {
		return "yes"
	}
	return "no"
}

// sentinel writes its file, which it changes itself.
func (o Options) sentinel(host, port string) ([]string, error) {
	to, at, err := net.SplitHostPort(o.Monitors)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(o.Dir, "sentinel-"+port+".conf")
	text := fmt.Sprintf("bind %s\nport %s\ndir %s\nsentinel monitor %s %s %s 1\nsentinel down-after-milliseconds %[4]s 1000\n", host, port, o.Dir, Master, to, at)
	return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
}

// takeAllSlots makes one server a whole cluster, and waits until it thinks so.
func (s *Server) takeAllSlots() error {
	if got, err := s.ask("CLUSTER ADDSLOTSRANGE 0 16383"); err != nil || got != "+OK" {
		return fmt.Errorf("give all slots to %s: got %q and %w, want +OK", s.Address(), got, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range int(startTimeout / (50 * time.Millisecond)) {
		if got, err := s.ask("SET {0} 0"); err != nil || got == "+OK" {
			return err
		}
		<-tick.C
	}
	return errors.New("got a cluster that is down, want one that is up")
}

// ask sends a command without quotes, and returns the answer's first line.
func (s *Server) ask(command string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Address(), startTimeout)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(startTimeout))
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}
