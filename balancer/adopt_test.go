package balancer

import (
	"errors"
	"testing"
)

func TestAClientKeepsANodeThatNobodyElseWouldGet(t *testing.T) {
	all := nodes("full", "draining", "down", "removed", "fine")
	all[0].MaxConnections = 1
	p := New(all, DefaultSticky())
	adopt := func(i int) Pick {
		t.Helper()
		pick, err := p.Adopt(all[i].Name, all[i].URL, "fine")
		if err != nil || pick.Node != node(t, p, all[i].Name) || pick.Preferred != node(t, p, "fine") {
			t.Fatalf("%s: got %+v and %v, want it, and fine as what was preferred", all[i].Name, pick, err)
		}
		return pick
	}
	before := []Pick{adopt(0), adopt(3)}
	drain(t, p, "draining")
	p.SetCheck("down", Check{Reason: "refused", Gone: true})
	p.Replace(append(all[:3:3], all[4]), DefaultSticky())
	for i, want := range []int{2, 1, 1, 2, 1} {
		pick := adopt(i)
		wantConnections(t, p, pick.Node, want)
		pick.Release()
		pick.Release()
		wantConnections(t, p, pick.Node, want-1)
	}
	for _, pick := range before {
		pick.Release()
	}
	if _, err := p.Adopt("removed", all[3].URL, ""); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("got %v for a removed node whose last client has gone, want %v", err, ErrUnknownNode)
	}
}

func TestANodeOfAnotherNameOrURLIsNotTheClients(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	for name, url := range map[string]URL{
		"a": {Host: "10.0.0.1:8080"},
		"b": {Host: "10.0.0.1:8080", TLS: true},
		"c": {Host: "10.0.0.0:8080"},
		"":  {},
	} {
		if pick, err := p.Adopt(name, url, "a"); !errors.Is(err, ErrUnknownNode) || pick != (Pick{}) {
			t.Errorf("%s at %s: got %+v and %v, want %v", name, url, pick, err, ErrUnknownNode)
		}
	}
	pick, err := p.Adopt("a", URL{Host: "10.0.0.0:8080"}, "gone")
	if err != nil || pick.Preferred != pick.Node {
		t.Errorf("got %+v and %v, want the node in place of the preferred one, which is gone", pick, err)
	}
}
