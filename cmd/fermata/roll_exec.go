package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// lastWords is how long a command that was interrupted has to end, and how
// long one that has ended may leave somebody behind who holds its output.
const lastWords = 10 * time.Second

// plainText is what a shell leaves alone, and all that a node's name and
// address need.
var plainText = regexp.MustCompile(`^[A-Za-z0-9._:/%\[\]-]*$`)

// commandFor is the command with the node's own for its placeholders, and
// their variables.
func (r *roller) commandFor(node admin.Node) (command string, variables []string, err error) {
	u, err := url.Parse(node.URL)
	if err != nil {
		return "", nil, fmt.Errorf("the node's URL: %w", err)
	}
	var pairs []string
	for name, value := range map[string]string{"node": node.Name, "host": u.Hostname(), "port": u.Port(), "url": node.URL} {
		if !plainText.MatchString(value) {
			return "", nil, fmt.Errorf("got %q for {%s}, want nothing in it that means something to a shell", value, name)
		}
		pairs = append(pairs, "{"+name+"}", value)
		variables = append(variables, "FERMATA_"+strings.ToUpper(name)+"="+value)
	}
	return strings.NewReplacer(pairs...).Replace(r.command), variables, nil
}

// restart runs the operator's command for a node and waits for its end. When
// ctx ends, the command is asked to end too.
func (r *roller) restart(ctx context.Context, node admin.Node) error {
	text, variables, err := r.commandFor(node)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: running %s\n", node.Name, console.Printable(text))
	out, errOut := newPrefixed(r.out, node.Name+": "), newPrefixed(r.errOut, node.Name+": ")
	defer out.flush()
	defer errOut.flush()
	command := exec.CommandContext(ctx, "sh", "-c", text)
	command.Env = append(os.Environ(), variables...)
	command.Stdout, command.Stderr = out, errOut
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = lastWords
	err = command.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil { // a daemon that it started holds its output
		return nil
	}
	return &exitError{exitFailed, fmt.Errorf("its command failed: %w", err)}
}

// prefixed writes each line with something before it. Its methods may be
// called concurrently.
type prefixed struct {
	prefix string

	mu   sync.Mutex
	w    io.Writer
	part []byte // of a line that has not ended
}

func newPrefixed(w io.Writer, prefix string) *prefixed { return &prefixed{w: w, prefix: prefix} }

func (p *prefixed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = append(p.part, text...)
	for {
		line, rest, ended := bytes.Cut(p.part, []byte("\n"))
		if !ended {
			return len(text), nil
		}
		if _, err := fmt.Fprintf(p.w, "%s%s\n", p.prefix, line); err != nil {
			return 0, err
		}
		p.part = rest
	}
}

// flush writes a last line that had no end.
func (p *prefixed) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.part) > 0 {
		fmt.Fprintf(p.w, "%s%s\n", p.prefix, p.part)
		p.part = nil
	}
}
