package realclient

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
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
		c.end(cmp.Or(ReadLines(stdout, o.Clients, c.take), errors.New("node has ended")))
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

// nodeCommand is Command for a test.
func nodeCommand(t testing.TB, o Options) *exec.Cmd {
	t.Helper()
	cmd, err := Command(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// The end of stdin ends it, and if not that, a kill after WaitDelay.
	cmd.Cancel = func() error { return os.ErrProcessDone }
	cmd.WaitDelay = 10 * time.Second
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
