//go:build unix

package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/redisserver"
)

// members are Fermatas of one cluster in front of the same nodes.
type members struct {
	t     *testing.T
	redis *redisserver.Server
	nodes []*devnode.Node
	urls  []string
	last  int
}

func newMembers(t *testing.T, nodes int) *members {
	t.Helper()
	m := &members{t: t, redis: redisserver.New(t, redisserver.Options{})}
	m.nodes, m.urls = apptest.StartNodes(t, nodes)
	return m
}

func (m *members) start(name string) *apptest.Stack {
	m.t.Helper()
	cluster := fmt.Sprintf("cluster: {redis: 'redis://%s', secret: a secret of all members, member: %s}\n", m.redis.Address(), name)
	s := apptest.NewFront(m.t, m.urls, steady(apptest.Even+known+quiet+cluster))
	s.Nodes = m.nodes
	return s
}

// carrySenders has the nodes behave as Reverb does after 1.10.2.
func (m *members) carrySenders() {
	for _, n := range m.nodes {
		n.SetFaults(devnode.Faults{CarrySender: true})
	}
}

// untilSaid waits until something is in the stream.
func (m *members) untilSaid(s *apptest.Stack) {
	m.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: m.redis.Address()})
	defer client.Close()
	s.Eventually("the members have said their clients", func() bool {
		return client.XLen(context.Background(), "fermata:{default}:ids").Val() > 0
	})
}

// publish is answered with 200.
func (m *members) publish(through *apptest.Stack, event, but string) {
	m.t.Helper()
	if status, err := publishTo(through, event, but); err != nil || status != http.StatusOK {
		m.t.Errorf("%s: got %d, %v, want 200", event, status, err)
	}
}

// wantToOthers publishes some events of the sender through a member, and looks whether
// the other clients get them, once, and the sender does not.
func (m *members) wantToOthers(what string, through *apptest.Stack, sender *subscriber, others ...*subscriber) {
	m.t.Helper()
	const events = 6
	for i := range events {
		m.publish(through, fmt.Sprintf("%s %d", what, i), sender.ID)
	}
	m.last++
	last := fmt.Sprintf("last %d", m.last)
	m.publish(through, last, "")
	for i, c := range append(others, sender) {
		got := c.wait(last, func(all []devnodeMessage) bool { return count(all, last, "news") == 1 })
		for n := range events {
			want := 1
			if c == sender {
				want = 0
			}
			if times := count(got, fmt.Sprintf("%s %d", what, n), "news"); times != want {
				m.t.Errorf("%s, event %d: client %d got it %d times, want %d", what, n, i, times, want)
			}
		}
	}
}

// Its node does not know the id that the page was told, and only that node leaves it
// out, up to Reverb 1.10.2.
func TestAMovedPageDoesNotGetItsOwnEventWhicheverMemberGetsIt(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	m := newMembers(t, 3)
	one, other := m.start("edge-1"), m.start("edge-2")
	sender, bystander := subscribe(t, one, "news"), subscribe(t, one, "news")
	for round, node := range []string{sender.Node, "reverb-1", "reverb-2", "reverb-3"} {
		other.DrainWhole(node, admin.DrainRequest{})
		m.wantToOthers(fmt.Sprintf("after drain %d", round), other, sender, bystander)
		one.Undrain(node)
	}
	other.Restart()
	m.wantToOthers("through one that comes new", other, sender, bystander)

	m.redis.Kill()
	m.wantToOthers("while Redis is away", other, sender, bystander)
	if err := m.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	m.untilSaid(one)
	newcomer := m.start("edge-3")
	m.wantToOthers("through one that knows Redis as it came back, empty", newcomer, sender, bystander)
	m.wantToOthers("through one that was there", other, sender, bystander)
	if one.Logs.Has("client closed") {
		t.Error("a client was closed, want all moved")
	}
}

// The events come while the clients are moved, at the members by turns.
func TestNobodyGetsItsOwnEventThroughDrainsWhicheverMemberGetsIt(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	m := newMembers(t, 3)
	m.carrySenders() // else one that was not moved would get its events through another node
	all := []*apptest.Stack{m.start("edge-1"), m.start("edge-2")}
	var clients []*subscriber
	for range 6 {
		clients = append(clients, subscribe(t, all[0], "news"))
	}
	stop := make(chan struct{})
	published := make([][]time.Duration, len(clients))
	var posting sync.WaitGroup
	for i, c := range clients {
		posting.Go(func() { published[i] = c.sendToOthers(all[1], stop) })
	}
	for round := range 6 {
		node := fmt.Sprintf("reverb-%d", round%3+1)
		all[round%2].DrainWhole(node, admin.DrainRequest{})
		all[round%2].Undrain(node)
	}
	close(stop)
	posting.Wait()
	m.publish(all[1], "over", "")
	for i, c := range clients {
		c.wantEachOnce(i, clients, published)
	}
	if all[0].Logs.Has("client closed") {
		t.Error("a client was closed")
	}
	t.Logf("published %v", counts(published))
}
