package main

import (
	"encoding/json"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// explain is the answer as JSON.
func explained(s *apptest.Stack, args ...string) (e admin.Explanation) {
	s.T.Helper()
	code, out, errOut := cli(s, append([]string{"explain", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &e); code != 0 || err != nil {
		s.T.Fatalf("explain %v: got %d, %s %s, %v", args, code, out, errOut, err)
	}
	return e
}

func TestExplainSaysOfEachNodeWhyTheClientDoesNotGetIt(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 3, "health: {type: http, timeout: 20s}\n")
	before := explained(s, "--ip", "203.0.113.9")
	if len(before.Nodes) != 3 || before.Nodes[0].Node != before.Node || before.Pick != "hash" || before.Network != "203.0.113.9/32" {
		t.Fatalf("got %+v, want three nodes, the first of them picked by the hash", before)
	}
	first, second, third := before.Nodes[0].Node, before.Nodes[1].Node, before.Nodes[2].Node
	cli(s, "drain", first)
	s.Node(second).Kill()
	const reason = "dial refused" // a check that was under way may say something else at first
	s.Eventually(second+" refuses", func() bool {
		n := s.NodesNow()[second]
		return n.Health == admin.HealthDown && n.Reason == reason
	})

	after := explained(s, "--ip", "203.0.113.9")
	if after.Node != third || after.Preferred != first || after.Pick != "draining" {
		t.Errorf("got %+v, want %s, with %s preferred and draining", after, third, first)
	}
	for i, want := range []admin.Candidate{
		{Node: first, Rank: 1, MaxConnections: 950, PassedOver: "draining", Reason: "draining: 0 clients left"},
		{Node: second, Rank: 2, MaxConnections: 950, PassedOver: "down", Reason: "down: " + reason},
		{Node: third, Rank: 3, MaxConnections: 950, Bound: 2, Reason: "gets this client"},
	} {
		if after.Nodes[i] != want {
			t.Errorf("got %+v, want %+v", after.Nodes[i], want)
		}
	}
	_, out, _ := cli(s, "explain", "--ip", "203.0.113.9")
	want := third + ": by the hash of its address it would be " + first + ", which is draining; the next by the hash of its address is " + third + `

ORDER  NODE      CONNECTIONS  BOUND  THIS CLIENT
1      ` + first + `  0/950        -      draining: 0 clients left
2      ` + second + `  0/950        -      down: ` + reason + `
3      ` + third + `  0/950        2      gets this client
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestExplainTakesTheCookieAsItStandsInARequest(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	for _, cookie := range []string{p.Cookie.Value, "theme=dark; fermata=" + p.Cookie.Value} {
		if e := explained(s, "--cookie", cookie); e.Node != p.Node || e.Pick != "cookie" || e.Nodes[0].Node != p.Node || !e.Nodes[0].Pinned {
			t.Errorf("%s: got %+v, want %s by its cookie", cookie, e, p.Node)
		}
	}
	if e := explained(s, "--cookie", "forged"); e.Node != "" || !strings.Contains(e.Reason, "names no node of ours") || len(e.Nodes) != 2 {
		t.Errorf("a forged cookie alone: got %+v, want no node and why", e)
	}
	cli(s, "drain", p.Node)
	if e := explained(s, "--cookie", p.Cookie.Value); e.Node != "" || e.Preferred != p.Node || !strings.Contains(e.Reason, "which is draining") {
		t.Errorf("the cookie of a draining node alone: got %+v, want no node and why", e)
	}
}

func TestExplainSaysSoWhenNoNodeIsLeft(t *testing.T) {
	s := apptest.NewFront(t, []string{apptest.Refusing(t)}, "")
	s.Logs.Wait(t, "node down")
	e := explained(s, "--ip", "::1")
	if e.Node != "" || e.Reason != "no usable node" || len(e.Nodes) != 1 || e.Nodes[0].Reason != "down: dial refused" || e.Network != "::/64" {
		t.Errorf("got %+v, want no node, and why", e)
	}
}
