package app

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fermata/balancer"
	"fermata/internal/config"
	"fermata/internal/discover"
)

// Whatever is found: each name and each address is one node's, the configuration's
// nodes are there, and nothing is left out without a word.
func TestEachNameAndAddressIsOneNodes(t *testing.T) {
	names, hosts := rapid.SampledFrom([]string{"a", "b", "A", "c", "d"}), rapid.SampledFrom([]string{"h:1", "h:2", "h:3", "h:4", "h:5"})
	rapid.Check(t, func(t *rapid.T) {
		var entries []config.Node
		found, taken, count := map[string][]discover.Node{}, map[string]bool{}, 0
		for i := range rapid.IntRange(1, 6).Draw(t, "entries") {
			e := config.Node{NodeOptions: balancer.NodeOptions{Name: fmt.Sprint(i), Weight: 1}}
			if rapid.Bool().Draw(t, "finds") {
				e.Kind = discover.File
				for range rapid.IntRange(0, 4).Draw(t, "nodes") {
					found[e.Name] = append(found[e.Name], discover.Node{Name: names.Draw(t, "name"), URL: balancer.URL{Host: hosts.Draw(t, "host")}})
					count++
				}
			} else if e.Name, e.URL.Host = names.Draw(t, "name"), hosts.Draw(t, "host"); taken[strings.ToLower(e.Name)] || taken[e.URL.Host] {
				continue // is a mistake in the configuration
			} else {
				taken[strings.ToLower(e.Name)], taken[e.URL.Host] = true, true
				count++
			}
			entries = append(entries, e)
		}
		j := join(entries, func(entry string) []discover.Node { return found[entry] })
		seen := map[string]bool{}
		for _, n := range j.nodes {
			if seen[strings.ToLower(n.Name)] || seen[n.URL.Host] {
				t.Fatalf("got %+v in %+v, want its name and its address once", n, j.nodes)
			}
			seen[strings.ToLower(n.Name)], seen[n.URL.Host] = true, true
		}
		for _, e := range entries {
			if _, there := j.origins[e.Name]; !e.Finds() && !there {
				t.Fatalf("got %+v, want %s of the configuration in it", j.nodes, e.Name)
			}
		}
		if len(j.nodes)+len(j.leftOut) != count {
			t.Fatalf("got %d nodes and %d that are left out, want %d in all", len(j.nodes), len(j.leftOut), count)
		}
	})
}
