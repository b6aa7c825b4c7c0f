package realclient

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Start runs clients in one process of node, which ends with the test.
func Start(t testing.TB, o Options) *Clients {
	t.Helper()
	modules(t)
	o.setDefaults()
	c := newClients(o)

	var complaints bytes.Buffer
	cmd := nodeCommand(t, o)
	cmd.Stderr = &complaints
	stdin, stdout := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("node: %v", err)
	}
	c.command = func(line []byte) error {
		_, err := stdin.Write(append(line, '\n'))
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.end(c.follow(stdout))
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-read
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("node: %v: %s", err, complaints.Bytes())
		}
	})
	return c
}

// nodeCommand is node with the clients' script.
func nodeCommand(t testing.TB, o Options) *exec.Cmd {
	t.Helper()
	config, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--no-deprecation", filepath.Join(folder(), "client.mjs"), string(config))
	// The end of stdin ends it, and if not that, a kill after WaitDelay.
	cmd.Cancel = func() error { return os.ErrProcessDone }
	cmd.WaitDelay = 10 * time.Second
	if o.Insecure {
		cmd.Env = append(os.Environ(), "NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_NO_WARNINGS=1")
	}
	return cmd
}

func pipes(t testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return stdin, stdout
}

// follow takes lines until there are none, and says why.
func (c *Clients) follow(lines io.Reader) error {
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, 1<<20) // a presence channel's members come in one line
	for scanner.Scan() {
		if err := c.take(scanner.Bytes()); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	return errors.New("node has ended")
}
