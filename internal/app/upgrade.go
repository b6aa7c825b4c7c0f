package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"fermata/internal/admin"
)

// Program is how this Fermata is started again, for an upgrade. The zero value is one
// that cannot be.
type Program struct {
	Path string   // of the executable, which may be another one by then
	Args []string // without the path
}

// FailureFile is the environment variable with the number of the descriptor to which a
// process that is started for an upgrade writes why it has failed.
const FailureFile = "FERMATA_FAILURE_FILE"

// Predecessor is the environment variable with the socket of the process whose place it
// is to take.
const Predecessor = "FERMATA_PREDECESSOR"

// mostFailure bounds what is read of that.
const mostFailure = 64 << 10

// firstBatches is how long an upgrade waits for the clients that can be handed over at
// once.
const firstBatches = 5 * time.Second

// starting is a process that is started to take over.
type starting struct {
	environment map[string]string // that is changed
	result      chan error        // has one: whether it has
}

// outcome tells who waits for the upgrade under way.
func (s *succession) outcome(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started != nil {
		select {
		case s.started.result <- err:
		default: // it is told already
		}
	}
}

// Upgrade implements admin.Control.
func (a *App) Upgrade(request admin.UpgradeRequest) (admin.Upgraded, error) {
	s := &a.succession
	if err := a.upgradable(); err != nil {
		return admin.Upgraded{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	wait, err := s.begin(request.Environment)
	if err != nil {
		return admin.Upgraded{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	defer s.finish()
	child, err := a.startSuccessor(request.Environment)
	if err != nil {
		return admin.Upgraded{}, fmt.Errorf("%w: %w", admin.ErrNotUpgraded, err)
	}
	if err := child.await(wait.result); err != nil {
		a.log.Error("not upgraded, nothing has changed", zap.NamedError("err", err))
		return admin.Upgraded{}, fmt.Errorf("%w: %w", admin.ErrNotUpgraded, err)
	}
	return a.upgraded(child), nil
}

// upgradable is why this process cannot be upgraded; nil: it can.
func (a *App) upgradable() error {
	s := &a.succession
	switch {
	case a.Program.Path == "":
		return errors.New("this Fermata is a part of another program")
	case s.gate == nil:
		return errors.New("upgrade.socket: got none, and the admin endpoint is no unix socket beside which it could be; set it and restart")
	case os.Getpid() == 1:
		return errors.New("this is the first process of a container, which ends with it: start another one beside it, with fermata serve --take-over")
	case s.isFollowing():
		return errors.New("another process has taken the place of this one already")
	case a.serving() == nil:
		return errNotServing
	}
	return nil
}

func (s *succession) begin(environment map[string]string) (*starting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started != nil {
		return nil, errors.New("an upgrade is under way")
	}
	s.started = &starting{environment: environment, result: make(chan error, 1)}
	return s.started, nil
}

func (s *succession) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = nil
}

func (s *succession) isUpgrading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started != nil
}

// takeEnvironment gives this process the variables that its successor was given: they
// are in the configuration that both read.
func (a *App) takeEnvironment() {
	s := &a.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started == nil {
		return
	}
	for name, value := range s.started.environment {
		_ = os.Setenv(name, value)
	}
}

// successor is a process that was started.
type successor struct {
	*exec.Cmd
	failure *os.File
	said    string     // on failure, why
	ended   chan error // has the end of the process, once
}

// startSuccessor starts the program again. It belongs to nobody from then on: it goes
// on when this process ends.
func (a *App) startSuccessor(environment map[string]string) (*successor, error) {
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tell.Close()
	args := a.Program.Args
	if !slices.Contains(args, "--take-over") {
		args = append(slices.Clone(args), "--take-over")
	}
	cmd := exec.Command(a.Program.Path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{tell}
	cmd.Env = append(successorEnvironment(os.Environ(), environment), FailureFile+"=3", Predecessor+"="+a.succession.at())
	if err := cmd.Start(); err != nil {
		told.Close()
		return nil, fmt.Errorf("start the new process: %w", err)
	}
	a.log.Info("started a process to take over", zap.Int("pid", cmd.Process.Pid), zap.String("program", a.Program.Path))
	c := &successor{Cmd: cmd, failure: told, ended: make(chan error, 1)}
	go func() { c.ended <- cmd.Wait() }() // which may outlive this process
	return c, nil
}

// successorEnvironment is that of this process, but for what the service manager has
// told it alone, with the changes.
func successorEnvironment(own []string, changes map[string]string) (all []string) {
	for _, entry := range own {
		name, _, _ := strings.Cut(entry, "=")
		_, changed := changes[name]
		if !changed && !slices.Contains([]string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", FailureFile, Predecessor}, name) {
			all = append(all, entry)
		}
	}
	for name, value := range changes {
		all = append(all, name+"="+value)
	}
	return all
}

// await waits until the process has taken over. Otherwise it is ended.
func (c *successor) await(result <-chan error) error {
	defer c.failure.Close()
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	var err error
	select {
	case err = <-result:
		if err == nil {
			return nil
		}
	case ended := <-c.ended:
		return c.why(ended)
	case <-limit.C:
		err = fmt.Errorf("the new process was not ready within %s", readyWithin)
	}
	if told := c.why(c.end()); c.said != "" {
		return told
	}
	return err
}

// endsWithin is how long a process that has failed has to say why.
const endsWithin = 2 * time.Second

// end waits for the end of the process, or ends it.
func (c *successor) end() error {
	select {
	case ended := <-c.ended:
		return ended
	case <-time.After(endsWithin):
		_ = c.Process.Kill()
		return <-c.ended
	}
}

// why is why a process has ended before it was ready.
func (c *successor) why(ended error) error {
	_ = c.failure.SetReadDeadline(time.Now().Add(time.Second))
	text, _ := io.ReadAll(io.LimitReader(c.failure, mostFailure))
	if c.said = strings.TrimSpace(string(text)); c.said != "" {
		return errors.New(c.said)
	}
	if ended == nil {
		return errors.New("the new process has ended before it was ready")
	}
	return fmt.Errorf("the new process has ended before it was ready: %w; its log says more", ended)
}

// upgraded waits for the first clients to be handed over, and says how many were.
func (a *App) upgraded(c *successor) admin.Upgraded {
	u := admin.Upgraded{PID: c.Process.Pid}
	f := a.succession.link.Load()
	if f == nil {
		return u
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstBatches)
	defer cancel()
	for _, known := range []chan struct{}{f.first, f.like} {
		select {
		case <-known:
		case <-ctx.Done():
		}
	}
	u.HandedOver, u.Staying = int(f.given.Load()), int(f.staying.Load())
	u.Until = f.until()
	return u
}
