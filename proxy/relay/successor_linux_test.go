package relay

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A real process goes on with the relay: it is this test's program again.
func TestAnotherProcessGoesOnWithARelay(t *testing.T) {
	t.Parallel()
	if isSuccessor(t) {
		return
	}
	r := legs{newEngine: newBest}.start(t, rarely)
	ours := r.ping()
	message := text(masked, "cut anywhere")
	r.clientSends(message[:9])
	waitUntil(t, func() bool { return look(r, (*epollRelay).flowToNode) == 9 })

	d := r.detach()
	successor, output := startSuccessor(t, d, "goes on")
	d.Gone()
	r.engine.Wait()
	r.clientSends(message[9:], pong(ours))
	r.nodeGets(message)
	r.node.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
	var end End
	if err := json.NewDecoder(output).Decode(&end); err != nil {
		t.Fatal(err)
	}
	sent := int64(len(message) + len(closeFrame(masked, lostClose.Code, "")))
	if end.By != ByNodeLost || end.BytesToNode != sent || end.MessagesToNode != 1 {
		t.Errorf("got %+v, want one message and %d bytes to the node", end, sent)
	}
	if err := successor.Wait(); err != nil {
		t.Error(err)
	}
	if len(r.ended) > 0 {
		t.Errorf("got %+v here, want nothing", <-r.ended)
	}
}

func TestARelayWhoseSuccessorIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	if isSuccessor(t) {
		return
	}
	r := legs{newEngine: newBest}.start(t, nil)
	d := r.detach()
	r.clientSends(text(masked, "meanwhile"))
	successor, _ := startSuccessor(t, d, "is killed")
	if err := successor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = successor.Wait()
	d.Resume()
	r.nodeGets(text(masked, "meanwhile"))
	r.node.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
	r.wantCleanEnd(ByNodeLost, lostClose.Code)
}

// What the successor is told, beside descriptors 3 and 4.
const (
	successorState = "FERMATA_TEST_STATE"
	successorDoes  = "FERMATA_TEST_SUCCESSOR"
)

// startSuccessor returns once the other process has the relay. What it writes then is how
// the relay has ended.
func startSuccessor(t *testing.T, d *Detached, does string) (*exec.Cmd, io.Reader) {
	t.Helper()
	test := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	test.Env = append(os.Environ(), successorState+"="+string(d.State()), successorDoes+"="+does)
	test.Stderr = os.Stderr
	for _, fd := range []int{d.Client(), d.Node()} {
		file := os.NewFile(uintptr(copyOf(t, fd)), "")
		defer file.Close()
		test.ExtraFiles = append(test.ExtraFiles, file)
	}
	output, err := test.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(output, make([]byte, len("have"))); err != nil {
		t.Fatal(err)
	}
	return test, output
}

// isSuccessor is whether this is the other process, which has then done its part.
func isSuccessor(t *testing.T) bool {
	does := os.Getenv(successorDoes)
	if does == "" {
		return false
	}
	engine, ended := newBest(), make(chan End, 1)
	p := Pair{Owner: &owner{ended: ended}, Options: Options{Stall: patience, Close: patience}}
	arrived, err := engine.Attach(3, 4, []byte(os.Getenv(successorState)), p)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print("have")
	if does == "is killed" {
		<-time.After(patience)
	}
	arrived.Resume()
	engine.Wait()
	_ = json.NewEncoder(os.Stdout).Encode(<-ended)
	return true
}
