package config

import (
	"slices"
	"testing"

	"fermata/balancer"
)

func TestCapsThatNeedExtUvAndClientsWithoutRoomAreDoubtful(t *testing.T) {
	f := func(nodes, extra string, want ...string) {
		t.Helper()
		var got []string
		for _, w := range mustParse(t, "listen: [{address: ':80'}]\nnodes:\n"+nodes+extra).Warnings {
			got = append(got, w.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("for\n%s%s: got %q, want %q", nodes, extra, got, want)
		}
	}
	const a, b = "  - {name: a, url: 'http://10.0.0.1'}\n", "  - {name: b, url: 'http://10.0.0.2', max_connections: 5000}\n"
	f(a, "")
	f(a+"  - {name: b, url: 'http://10.0.0.2', max_connections: none}\n", "limits: {max_clients: 100000}\n")
	f(a+"  - {name: b, url: 'http://10.0.0.2', max_connections: 1016}\n", "")
	f(a+b, "", "fermata.yaml:4: nodes[1].max_connections: got 5000, which needs ext-uv on the node, want 950 without it: Reverb then ends at about 1,017 connections")
	f(a, "limits: {max_clients: 1000}\n", "fermata.yaml:4: limits.max_clients: got 1000, want 950 at most, which is what the nodes' max_connections allow together")
	f(a, "limits: {max_clients: 950}\n")
}

func TestANodesCapIsANumberOrNone(t *testing.T) {
	f := func(text string, want balancer.Cap) {
		t.Helper()
		c := mustParse(t, "listen: [{address: ':80'}]\nnodes: [{name: a, url: 'http://10.0.0.1'"+text+"}]\n")
		if got := c.Nodes[0].MaxConnections; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	f("", 950)
	f(", max_connections: none", 0)
	f(", max_connections: 1", 1)
	f(", max_connections: '900'", 900)
}
