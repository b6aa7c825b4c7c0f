package proxy_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// slowNode answers one plain request after the other, as Reverb does, and
// counts the connections that wait for an answer.
type slowNode struct {
	mu        sync.Mutex
	now, peak int
	turn      sync.Mutex // held by the one that is answered
	took      time.Duration
}

func (n *slowNode) serve(c net.Conn, head string) {
	n.count(1)
	n.turn.Lock()
	<-time.After(n.took)
	n.turn.Unlock()
	n.count(-1) // Fermata may have the answer, and ask again, before this goes on
	apptest.Says("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")(c, head)
}

func (n *slowNode) count(step int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now += step
	n.peak = max(n.peak, n.now)
}

// flood asks for /up from so many connections, over and over, and returns how
// to end that.
func flood(s *apptest.Stack, connections int) (end func(statuses map[int]int)) {
	s.T.Helper()
	over := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	count := make(map[int]int)
	for range connections {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				status := up(s)
				mu.Lock()
				count[status]++
				mu.Unlock()
			}
		})
	}
	return func(statuses map[int]int) {
		close(over)
		all.Wait()
		for status, n := range count {
			statuses[status] = n
		}
	}
}

// up is the status of a GET of /up; 0: there was none.
func up(s *apptest.Stack) int {
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		return 0
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(apptest.Timeout))
	fmt.Fprint(conn, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	return r.StatusCode
}

func TestAFloodOfRequestsTakesFewConnectionsOfANode(t *testing.T) {
	node := &slowNode{took: 2 * time.Millisecond}
	s := apptest.NewFront(t, []string{apptest.FakeNode(t, node.serve)}, "limits: {requests_per_node: 16}\n")
	end := flood(s, 100)
	post := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)) + apptest.Event)
	if r, body := post.Answer(); r.StatusCode != 200 {
		t.Errorf("a signed POST during the flood: got %d %s, want 200", r.StatusCode, body)
	}
	statuses := make(map[int]int)
	end(statuses)
	if statuses[200] == 0 || statuses[200]+statuses[503] < 100 || statuses[0] > 0 {
		t.Errorf("got the answers %v, want 200 and maybe 503 only", statuses)
	}
	node.mu.Lock()
	defer node.mu.Unlock()
	if node.peak > 9 {
		t.Errorf("got %d connections of requests at once, want 8 and the signed one", node.peak)
	}
}

func TestRequestsStayWithinMaxConnections(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	node := &slowNode{took: time.Millisecond}
	url := apptest.FakeNode(t, node.serve)
	s := apptest.NewFront(t, []string{url}, fmt.Sprintf("nodes: [{name: reverb-1, url: %q, max_connections: 4}]\n", url))
	statuses := make(map[int]int)
	end := flood(s, 50)
	for range 20 {
		up(s)
	}
	end(statuses)
	node.mu.Lock()
	defer node.mu.Unlock()
	if statuses[200] == 0 || node.peak > 4 {
		t.Errorf("got %d connections at once, and the answers %v, want at most 4", node.peak, statuses)
	}
}

// A node that does not answer keeps what it has; nobody else waits there.
func TestWhoWaitsForAPlaceInVainIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "limits: {requests_per_node: 2}\n")
	s.Bystander()
	s.Nodes[0].SetFaults(devnode.Faults{Delay: time.Hour})
	w := s.Wire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	apptest.WaitNode(t, s.Nodes[0], func(n devnode.Stats) bool { return n.Requests > 1 })
	r, body := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(body, "no node can take this request now") {
		t.Errorf("got %d %s, Retry-After: %q, want 503 and some", r.StatusCode, body, r.Header.Get("Retry-After"))
	}
	if line := s.Logs.Wait(t, "requests turned away"); line["count"] != 1.0 {
		t.Errorf("got the line %v, want a count of 1", line)
	}
	w.Close()
	s.Nodes[0].SetFaults(devnode.Faults{})
	if status := up(s); status != 200 {
		t.Errorf("behind a client that has left: got %d, want 200", status)
	}
}

func TestAWaitingRequestGetsThePlaceThatBecomesFree(t *testing.T) {
	answer := make(chan struct{})
	arrived := make(chan string, 8)
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		line, _, _ := strings.Cut(head, "?")
		arrived <- line
		<-answer
		apptest.Says("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")(c, head)
	})
	s := apptest.NewFront(t, []string{node}, "limits: {requests_per_node: 1}\n")
	get := func(target string) *apptest.Wire {
		return s.Wire("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	asked := []*apptest.Wire{get("/first?")}
	<-arrived
	asked = append(asked, get("/apps/1/channels?auth_signature=x"))
	answer <- struct{}{}
	if got := <-arrived; got != "GET /apps/1/channels" {
		t.Errorf("got %s at the node, want the one that waits", got)
	}
	answer <- struct{}{}
	for _, w := range asked {
		if r, body := w.Answer(); r.StatusCode != 200 {
			t.Errorf("got %d %s, want 200", r.StatusCode, body)
		}
	}
}
