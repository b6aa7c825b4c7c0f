package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAPairThatIsNotOfTCPIsClosed(t *testing.T) {
	engine, ended := newBest(), make(chan End, 1)
	far, client := net.Pipe()
	farNode, node := net.Pipe()
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	relay := engine.Start(Pair{Client: client, Node: node, Head: []byte("head "), Options: Options{Stall: patience, Close: patience}, Owner: &owner{ended: ended}})
	if all, want := <-got, "head "+string(AppendClose(nil, statusTryAgain, "")); string(all) != want {
		t.Errorf("the client got %q, want %q", all, want)
	}
	over(t, "node", farNode)
	if end := <-ended; end.By != ByLimit || end.Code != statusTryAgain || !errors.Is(end.Err, errNotTakeable) {
		t.Errorf("got end %+v, want one that says why", end)
	}
	relay.Close(Close{Code: 4200, By: ByDrain})
	engine.Cut()
	engine.Wait()
}

// Of the descriptors that a start needs whose connections are the net package's,
// each in turn is one too many.
func TestWithoutDescriptorsAClientIsSentAwayAndNothingLeaks(t *testing.T) {
	if !alone(t) {
		return
	}
	for spare := range 5 {
		before := openFiles()
		r := legs{newEngine: func() Engine { return New(1) }}.start(t, func(*Pair) { leaveDescriptors(t, spare) })
		raiseDescriptors(t)
		r.clientGets(AppendClose(nil, statusTryAgain, ""))
		r.clientIsOver()
		r.nodeIsOver()
		if end := r.wantEnd(ByLimit, statusTryAgain); !errors.Is(end.Err, syscall.EMFILE) {
			t.Errorf("%d spare descriptors: got error %v, want too many open files", spare, end.Err)
		}
		r.client.Close()
		r.node.Close()
		if after := openFiles(); after != before {
			t.Errorf("%d spare descriptors: got %d open files, want %d", spare, after, before)
		}
	}
}

// Only what a listener of the engine has accepted can be taken from under
// crypto/tls.
func TestATLSClientOfAnotherListenerIsSentAway(t *testing.T) {
	far, near := tcpLeg(t)
	server, client := tls.Server(near, tlsConfig(t)), tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	handshake := make(chan error, 1)
	go func() { handshake <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-handshake); err != nil {
		t.Fatal(err)
	}
	r := legs{newEngine: newBest}.start(t, func(p *Pair) {
		p.Client.Close() // not that one
		p.Client = server
	})
	r.client.Close()
	get(t, "client", client, AppendClose(nil, statusTryAgain, ""))
	over(t, "client", client)
	r.wantEnd(ByLimit, statusTryAgain)
	client.Close()
}

func TestAListenerThatIsNotOfTCPIsRefused(t *testing.T) {
	under, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	if l, err := newBest().Listener(under, Incoming{}); l != nil || err == nil {
		t.Errorf("got %v, %v, want an error", l, err)
	}
	if _, err := under.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want the listener to be closed", err)
	}
}

// Two goroutines for each client are the wrong answer to a shortage.
func TestThePortableEngineIsNotInTheLinuxBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it builds the binary")
	}
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "fermata")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/fermata").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(symbols), "relay.(*Epoll).Start") {
		t.Error("got no epoll engine, want that it is looked for by its name")
	}
	for line := range strings.Lines(string(symbols)) {
		if strings.Contains(strings.ToLower(line), "proxy/relay.(*portable") || strings.Contains(line, "proxy/relay.NewPortable") {
			t.Errorf("got %s", line)
		}
	}
}
