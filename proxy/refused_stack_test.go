package proxy_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestAClientThatItsNodeRefusesIsNoLostOne(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, "limits: {upgrades_per_second: 1}\nhealth: {interval: 1h}\n")
	for range 3 { // of whom none waits in the queue of lost clients
		w := s.Wire("GET /app/unknown" + apptest.WireUpgrade[len("GET "+apptest.WirePath):] + "\r\n")
		w.Answer()
		w.Frame() // the pusher:error
		if opcode, payload := w.Frame(); opcode != 8 || payload != "\x0f\xa1Application does not exist" {
			t.Errorf("got the frame %d %q, want a Close frame 4001 with the node's reason", opcode, payload)
		}
		w.Close()
	}
	line := s.Logs.Wait(t, "client closed")
	if line["by"] != "refused" || line["code"] != 4001.0 || line["err"] != "refused by the node: pusher:error 4001: Application does not exist" {
		t.Errorf("got by %v, code %v, err %v; want what the node has said", line["by"], line["code"], line["err"])
	}
	s.Eventually("all are counted as refused", func() bool { return closedBy(s, "refused") == 3 })
	if lost := closedBy(s, "node_lost"); lost != 0 {
		t.Errorf("got %d clients counted as lost, want none", lost)
	}
}

func TestAClientThatItsNodeGivesUpIsNoLostOne(t *testing.T) {
	node := apptest.StartNode(t, devnode.Options{Name: "reverb-1", PingInterval: 100 * time.Millisecond})
	s := apptest.NewFront(t, []string{node.URL()}, "")
	p := s.Dial()
	if err := p.Write(t.Context(), websocket.MessageText, []byte(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)); err != nil {
		t.Fatal(err)
	}
	if code := p.Closed(); code != 4100 && code != 4201 { // it answers no ping of the node
		t.Errorf("got the Close frame %d, want 4100, as it is young, or 4201", code)
	}
	line := s.Logs.Wait(t, "client closed")
	if line["by"] != "refused" || line["err"] != "refused by the node: pusher:error 4201: Pong reply not received in time" {
		t.Errorf("got by %v, err %v; want what the node has said", line["by"], line["err"])
	}
}

// closedBy sums the clients of all nodes that ended so.
func closedBy(s *apptest.Stack, by string) (sum int) {
	s.T.Helper()
	for _, found := range regexp.MustCompile(`fermata_connections_closed_total\{by="`+by+`",node="[^"]*"\} (\d+)`).FindAllStringSubmatch(s.Metrics(), -1) {
		n, _ := strconv.Atoi(found[1])
		sum += n
	}
	return sum
}
