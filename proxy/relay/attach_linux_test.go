package relay

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// refused are states that no relay has.
var refused = map[string]string{
	"no JSON":               `{`,
	"another type":          `{"to_node": 1}`,
	"no byte":               `{"to_node": {"left": 1, "message": 1, "first": 256}}`,
	"whole frames held":     `{"to_client": {"held": "gQA="}}`,
	"frames that are none":  `{"to_client": {"held": "/w=="}}`,
	"masked from a node":    `{"to_client": {"held": "gYE="}}`,
	"less than its frame":   `{"to_client": {"held": "gQM=", "message": 2}}`,
	"a large control frame": `{"to_client": {"left": 1, "message": 1, "first": 137}}`,
	"a large continuation":  `{"to_client": {"left": 1, "message": 1}}`,
	"a message inside":      `{"to_client": {"left": 1, "message": 1, "first": 1, "inside": true}}`,
	"more to come than is":  `{"to_client": {"left": 2, "message": 1, "first": 1}}`,
	"both held and left":    `{"to_client": {"left": 1, "message": 1, "first": 1, "held": "gQ=="}}`,
	"fewer than no bytes":   `{"to_node": {"bytes": -1}}`,
	"an owed pong to what":  `{"pings": {"owed": 1, "token": "AAAA"}}`,
	"a long queue":          `{"client": {"queued": "` + strings.Repeat("AAAA", maxHandedOver/3+1) + `"}}`,
	"long words":            `{"said": {"frames": "` + strings.Repeat("AAAA", mostNotable/3+1) + `"}}`,
	"much held":             `{"to_client": {"held": "gX4=` + strings.Repeat("AAAA", bufferSize) + `"}}`,
}

func TestARelayThatMakesNoSenseIsNotTakenOver(t *testing.T) {
	engine := newBest()
	for name, state := range refused {
		t.Run(name, func(t *testing.T) {
			far, near := tcpLeg(t)
			defer far.Close()
			client, err := duplicate(near.(*net.TCPConn))
			if err != nil {
				t.Fatal(err)
			}
			near.Close()
			node := copyOf(t, int(client))
			if d, err := engine.Attach(int(client), node, []byte(state), Pair{Owner: new(owner)}); err == nil {
				d.Gone()
				t.Errorf("got no error for %s, want one", abbreviate([]byte(state)))
			}
			far.SetDeadline(time.Now().Add(patience))
			over(t, "a client that is not taken over", far) // all descriptors are closed
		})
	}
	engine.Wait()
}

func TestWhatIsNoConnectionIsNotTakenOver(t *testing.T) {
	if !alone(t) {
		return
	}
	engine := newBest()
	before := openFiles()
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	packets, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(packets)
	for _, fd := range []func() int{
		func() int { return -1 }, func() int { return 4000 },
		func() int { return copyOf(t, int(file.Fd())) }, func() int { return copyOf(t, packets) },
	} {
		stream, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Attach(stream, fd(), []byte("{}"), Pair{Owner: new(owner)}); err == nil {
			t.Error("got no error, want one")
		}
	}
	stream, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Attach(stream, stream, []byte("{}"), Pair{Owner: new(owner)}); err == nil || errors.Is(err, unix.EBADF) {
		t.Errorf("got %v for one connection that is both, want an error, and that it is closed once", err)
	}
	if got := openFiles() - before; got != 2 {
		t.Errorf("got %d more open files, want 2, the test's own", got)
	}
}

// Without a descriptor left a shard cannot begin to run.
func TestARelayIsNotTakenOverWithoutDescriptors(t *testing.T) {
	if !alone(t) {
		return
	}
	r := legs{newEngine: newBest}.start(t, nil)
	d, to := r.detach(), newBest()
	client, node := copyOf(t, d.Client()), copyOf(t, d.Node())
	leaveDescriptors(t, 1)
	_, err := to.Attach(client, node, d.State(), r.pair)
	raiseDescriptors(t)
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("got %v, want too many open files", err)
	}
	d.Resume()
	r.clientSends(text(masked, "goes on"))
	r.nodeGets(text(masked, "goes on"))
}
