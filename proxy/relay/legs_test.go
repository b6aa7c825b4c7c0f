package relay

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds what a test waits for and what never takes long.
const patience = 20 * time.Second

// lostClose is what a client of the tests is told whose node is lost.
var lostClose = Close{Code: 4200, Reason: "node lost", By: ByNodeLost}

// owner is an Owner for tests.
type owner struct {
	lost     func() Close            // nil: it says lostClose
	notable  func([]byte) bool       // nil: nothing is
	told     func(last string) Close // in its place; nil: lost is asked
	end      func(End)               // nil: ended is told
	ended    chan End                // nil: nobody wants to know
	panicked chan *PanicError        // nil: the test ends by it
}

func (o *owner) Notable(frames []byte) bool { return o.notable != nil && o.notable(frames) }

func (o *owner) NodeLost(last string) Close {
	if o.told != nil {
		return o.told(last)
	}
	if o.lost == nil {
		return lostClose
	}
	return o.lost()
}

func (o *owner) Ended(e End) {
	switch {
	case o.end != nil:
		o.end(e)
	case o.ended != nil:
		o.ended <- e
	}
}

func (o *owner) Panicked(err *PanicError) {
	if o.panicked == nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, err.Stack)
		os.Exit(1)
	}
	o.panicked <- err
}

// loses has the pair's owner say what lost does.
func loses(p *Pair, lost func() Close) { p.Owner.(*owner).lost = lost }

// legs makes the connections of a pair.
type legs struct {
	newEngine func() Engine
	tls       *tls.Config // of the client's leg; nil: TCP alone
	nodeTLS   *tls.Config // of the node's
}

// rig is one relay with a test at both of its far ends.
type rig struct {
	t            *testing.T
	legs         legs
	engine       Engine
	conn         Relay
	pair         Pair
	client, node net.Conn // the far ends
	ended        chan End
}

// start relays between two fresh connections; change may be nil. When the test
// ends, both far ends are closed and the engine must come to its end.
func (l legs) start(t *testing.T, change func(*Pair)) *rig {
	t.Helper()
	r := &rig{t: t, legs: l, engine: l.newEngine(), ended: make(chan End, 2)}
	r.client, r.pair.Client = l.clientLeg(t)
	r.node, r.pair.Node = l.nodeLeg(t)
	r.pair.Options = Options{Stall: patience, Close: patience}
	r.pair.Owner = &owner{ended: r.ended}
	if change != nil {
		change(&r.pair)
	}
	_ = r.client.SetDeadline(time.Now().Add(10 * patience)) // for all; a single read has patience
	_ = r.node.SetDeadline(time.Now().Add(10 * patience))
	r.conn = r.engine.Start(r.pair)
	t.Cleanup(func() {
		r.client.Close()
		r.node.Close()
		r.engine.Wait()
	})
	return r
}

// clientLeg returns the client's end and the relay's, after the handshake.
func (l legs) clientLeg(t testing.TB) (far, near net.Conn) {
	t.Helper()
	far, near = tcpLeg(t)
	if l.tls == nil {
		return far, near
	}
	server := tls.Server(underTLS(near), l.tls)
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	shakeHands(t, server, client)
	return client, server
}

// nodeLeg returns the node's end and the relay's, after the handshake.
func (l legs) nodeLeg(t testing.TB) (far, near net.Conn) {
	t.Helper()
	far, near = tcpLeg(t)
	if l.nodeTLS == nil {
		return far, near
	}
	return l.secureNode(t, far, near)
}

func (l legs) secureNode(t testing.TB, far, near net.Conn) (server, client *tls.Conn) {
	t.Helper()
	server = tls.Server(far, l.nodeTLS)
	client = Secure(near, &tls.Config{InsecureSkipVerify: true})
	shakeHands(t, server, client)
	return server, client
}

// fewer is for a test whose every node costs a handshake then.
func (l legs) fewer(count int) int {
	if l.nodeTLS != nil {
		return count / 5
	}
	return count
}

func shakeHands(t testing.TB, server, client *tls.Conn) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
}

// tcpLeg returns both ends of a TCP connection over loopback.
func tcpLeg(t testing.TB) (far, near net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for {
		if near, err = listener.Accept(); err != nil {
			t.Fatal(err)
		}
		if near.RemoteAddr().String() == far.LocalAddr().String() {
			return far, near
		}
		near.Close() // somebody else's, who still looks for one that had the port before
	}
}

// newBest returns the engine for this system.
func newBest() Engine { return New(2) }

// listen returns a listener of the engine's, which is closed with the test.
func listen(t testing.TB, engine Engine, enter Enter) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if l, err = engine.Listener(l, Incoming{Enter: enter}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func tlsConfig(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
}

// end waits for the relay's end, checks that it is told once and that nothing
// was left open, and returns it.
func (r *rig) end() End {
	r.t.Helper()
	var end End
	select {
	case end = <-r.ended:
	case <-time.After(patience):
		r.t.Fatal("the relay did not end")
	}
	r.engine.Wait()
	if len(r.ended) > 0 {
		r.t.Errorf("Done was called again, with %+v", <-r.ended)
	}
	for name, conn := range map[string]net.Conn{"client": r.pair.Client, "node": r.pair.Node} {
		if err := conn.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			r.t.Errorf("the %s's leg: got %v, want it to be closed", name, err)
		}
	}
	return end
}

// wantEnd checks who ended the relay and with which status.
func (r *rig) wantEnd(by By, code int) End {
	r.t.Helper()
	end := r.end()
	if end.By != by || end.Code != code {
		r.t.Errorf("got an end by %q with status %d (%v), want %q and %d", end.By, end.Code, end.Err, by, code)
	}
	return end
}

// wantCleanEnd wants no error, too.
func (r *rig) wantCleanEnd(by By, code int) End {
	r.t.Helper()
	end := r.wantEnd(by, code)
	if end.Err != nil {
		r.t.Errorf("got error %v, want a clean end", end.Err)
	}
	return end
}

func (r *rig) clientSends(frames ...[]byte) { r.t.Helper(); send(r.t, r.client, join(frames...)) }
func (r *rig) nodeSends(frames ...[]byte)   { r.t.Helper(); send(r.t, r.node, join(frames...)) }

// clientGets wants exactly these bytes next.
func (r *rig) clientGets(frames ...[]byte) {
	r.t.Helper()
	get(r.t, "client", patiently(r.client), join(frames...))
}
func (r *rig) nodeGets(frames ...[]byte) {
	r.t.Helper()
	get(r.t, "node", patiently(r.node), join(frames...))
}

// patiently gives a read time from now on.
func patiently(conn net.Conn) net.Conn {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn
}

// clientIsOver wants the end of the client's connection, without a byte.
func (r *rig) clientIsOver() { r.t.Helper(); over(r.t, "client", patiently(r.client)) }
func (r *rig) nodeIsOver()   { r.t.Helper(); over(r.t, "node", patiently(r.node)) }

// clientAnswers gets a Close frame and answers it, as a client does.
func (r *rig) clientAnswers(code int, reason string) {
	r.t.Helper()
	r.clientGets(AppendClose(nil, code, reason))
	r.clientSends(closeFrame(masked, code, ""))
	r.clientIsOver()
}

func send(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatalf("sending %d bytes: %v", len(b), err)
	}
}

func get(t *testing.T, who string, conn net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(conn, got)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes, %q, and error %v, want %d, %q", who, n, abbreviate(got[:n]), err, len(want), abbreviate(want))
	}
}

func over(t *testing.T, who string, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if n > 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("%s: got %d bytes and error %v, want its end", who, n, err)
	}
}

func abbreviate(b []byte) []byte { return b[:min(len(b), 200)] }

// reset makes closing conn send a RST.
func reset(t *testing.T, conn net.Conn) {
	t.Helper()
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func halfClose(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// takesSeconds is for a test that mostly waits: it does that beside others, and
// is skipped under -short.
func takesSeconds(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
}

// alone is whether this process runs nothing but this test. Where it does not,
// another one does, and tells: what counts descriptors, or leaves none, must not
// meet those of its neighbours.
func alone(t *testing.T) bool {
	t.Helper()
	const name = "FERMATA_TEST_ALONE"
	if os.Getenv(name) == t.Name() {
		far, near := tcpLeg(t) // the runtime's own poller is there from now on
		far.Close()
		near.Close()
		return true
	}
	only := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	ctx, cancel := context.WithTimeout(t.Context(), 12*patience)
	defer cancel()
	test := exec.CommandContext(ctx, os.Args[0], "-test.run="+only, "-test.v", fmt.Sprintf("-test.short=%v", testing.Short()))
	test.Env = append(os.Environ(), name+"="+t.Name())
	out, err := test.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("alone: %v\n%s", err, out)
	}
	return false
}

// openFiles counts this process's open files up to a high number.
func openFiles() (n int) {
	var stat syscall.Stat_t
	for fd := range 4096 {
		if syscall.Fstat(fd, &stat) == nil {
			n++
		}
	}
	return n
}

func dialTo(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	_ = far.SetDeadline(time.Now().Add(patience))
	return far
}
