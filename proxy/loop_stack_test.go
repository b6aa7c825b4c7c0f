package proxy_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// detour passes connections on to the address that it is given later, so that
// check cannot see where it leads.
type detour struct {
	net.Listener
	to atomic.Value // HOST:PORT
}

func startDetour(t *testing.T) *detour {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &detour{Listener: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { d.pass(in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return d
}

func (d *detour) pass(in net.Conn) {
	defer in.Close()
	to, ok := d.to.Load().(string)
	if !ok {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(in, out)
		in.Close()
	})
	io.Copy(out, in)
	out.Close()
	back.Wait()
}

func (d *detour) url() string { return "http://" + d.Addr().String() }

func TestANodeThatIsThisFermataTakesOneDescriptorAndNotAll(t *testing.T) {
	d := startDetour(t)
	s := apptest.NewFront(t, []string{d.url()}, "")
	d.to.Store(s.Address)
	r, body := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
	if r.StatusCode != 508 || !strings.Contains(body, "has been here before") {
		t.Errorf("got %d %s, want 508", r.StatusCode, body)
	}
	line := s.Logs.Wait(t, "a node is this Fermata itself")
	if line["level"] != "error" || line["path"] != "/up" || line["listener"] != s.Address {
		t.Errorf("got %v, want an error with the path and the listener", line)
	}
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	if r, _ := w.Answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	if opcode, payload := w.Frame(); opcode != 8 || !strings.HasPrefix(payload, "\x10\x04") {
		t.Errorf("got opcode %d, %q, want a Close frame 4100", opcode, payload)
	}
	s.HasMetric(`fermata_handshakes_total{node="reverb-1",result="error"} 1`)
}

func TestALoopBesideAGoodNodeCostsTheClientNothing(t *testing.T) {
	d := startDetour(t)
	good := apptest.StartNode(t, devnode.Options{Name: "second"})
	s := apptest.NewFront(t, nil, apptest.TwoNodes(d.url(), good.URL()))
	d.to.Store(s.Address)
	if p := s.Dial(); p.Node != "second" {
		t.Errorf("got the node %s, want the one that is no loop", p.Node)
	}
}

func TestTwoFermatasInARowAreNoLoop(t *testing.T) {
	inner := apptest.New(t, 1, "")
	outer := apptest.NewFront(t, []string{"http://" + inner.Address}, "")
	if p := outer.Dial(); p.Node != "reverb-1" {
		t.Errorf("got the node %q, want reverb-1", p.Node)
	}
	via := inner.Nodes[0].LastRequest(apptest.WirePath).Header.Values("Via")
	if len(via) != 2 || via[0] == via[1] || !strings.HasPrefix(via[0], "1.1 fermata-") {
		t.Errorf("got Via %q, want one of each", via)
	}
}
