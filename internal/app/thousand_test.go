package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/devnode/process"
	"fermata/internal/lab/realclient"
)

// TestAThousandClientsSurviveThreeOfFiveNodes drains a node, and meanwhile
// kills another and freezes a third. It asserts no time, since a machine can be as
// slow as it likes; the times are in the log.
func TestAThousandClientsSurviveThreeOfFiveNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: nothing shows that a thousand real clients survive a drain, a kill and a freeze")
	}
	t.Parallel()
	const count = 1000
	nodes := startProcesses(t, 5)
	// All clients have one address; with a bound of 1 they spread evenly.
	s := apptest.NewFront(t, urlsOf(nodes), secure(t)+`
sticky: {bounded_load: 1}
health: {type: reverb, interval: 1s, timeout: 1s, reverb: {app_key: `+devnode.DefaultAppKey+`}}
timeouts: {header: 60s}
`)
	arrival := time.Now()
	clients := realclient.Start(t, realclient.Options{
		URL: "wss://" + s.Address, Insecure: true, Cookies: true,
		Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Clients: count, AtOnce: 50, Channels: []string{"news"}, Timeout: 8 * time.Minute,
	})
	all := clients.WaitAll(t, "a thousand clients subscribed", inNews)
	t.Logf("%d clients connected in %.1fs: %s", count, time.Since(arrival).Seconds(), perNode(all))

	drained := strike(t, all, "drained", "reverb-1", func() error { s.Drain("reverb-1", admin.DrainRequest{Rate: new(100)}); return nil })
	all = clients.Wait(t, "the drain under way", func(all []realclient.Client) bool {
		drained.look(all)
		return len(drained.away) <= drained.total*2/3
	})
	faults := []*fault{
		drained,
		strike(t, all, "killed", "reverb-2", func() error { nodes[1].Kill(); return nil }),
		strike(t, all, "frozen", "reverb-3", nodes[2].Freeze),
	}
	away := 0
	clients.Wait(t, "every client on one of the two nodes that are left", func(all []realclient.Client) bool {
		for _, f := range faults {
			f.look(all)
		}
		now := without(all, inNews)
		away = max(away, now)
		return now == 0 && without(all, onOneOf("reverb-4", "reverb-5")) == 0
	})
	s.DrainWhole("reverb-1", admin.DrainRequest{})
	post(s, map[string]any{"name": "after", "channel": "news", "data": "{}"})
	all = clients.WaitAll(t, "the event that was published after all that", func(c *realclient.Client) bool {
		return c.Has("news", "after")
	})

	for _, f := range faults {
		t.Log(f)
	}
	t.Logf("closes seen: %v; at most %d clients away at once; now %s", closesOf(all), away, perNode(all))
	for i, n := range nodes[3:] {
		stats := statsOf(t, n)
		t.Logf("reverb-%d: %d upgrades, at most %d in one second", i+4, stats.Upgrades, stats.PeakPerSec)
	}
	if cut := without(all, neverCut); cut > 0 {
		i := slices.IndexFunc(all, func(c realclient.Client) bool { return !neverCut(&c) })
		t.Errorf("%d clients were cut; client %d: got closes %v, want 4200 and 4100 only", cut, i, all[i].Ended())
	}
}

// startProcesses starts nodes that share a bus, each its own process.
func startProcesses(t *testing.T, count int) []*process.Process {
	t.Helper()
	bus := apptest.StartBus(t)
	var nodes []*process.Process
	for i := range count {
		n, err := process.Start("-name", fmt.Sprintf("reverb-%d", i+1), "-bus", bus.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Kill)
		nodes = append(nodes, n)
	}
	return nodes
}

func urlsOf(nodes []*process.Process) []string {
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.URL())
	}
	return urls
}

// inNews is whether the client is connected and subscribed.
func inNews(c *realclient.Client) bool { return c.State == "connected" && len(c.Subscribed) == 1 }

func onOneOf(nodes ...string) func(*realclient.Client) bool {
	return func(c *realclient.Client) bool { return slices.Contains(nodes, c.Node) }
}

// without counts the clients of which it is not true.
func without(all []realclient.Client, is func(*realclient.Client) bool) (count int) {
	for i := range all {
		if !is(&all[i]) {
			count++
		}
	}
	return count
}

// fault is what happened to one node, and how its clients came back from it.
type fault struct {
	what  string
	node  string
	began time.Time
	total int
	away  []int           // clients that have not been seen elsewhere
	back  []time.Duration // after how long the others were, shortest first
}

// strike does it to a node.
func strike(t *testing.T, all []realclient.Client, what, node string, do func() error) *fault {
	t.Helper()
	f := &fault{what: what, node: node, began: time.Now()}
	for i := range all {
		if all[i].Node == node {
			f.away = append(f.away, i)
		}
	}
	f.total = len(f.away)
	if err := do(); err != nil {
		t.Fatal(err)
	}
	return f
}

// look notes who is connected and subscribed on another node for the first
// time.
func (f *fault) look(all []realclient.Client) {
	f.away = slices.DeleteFunc(f.away, func(i int) bool {
		is := inNews(&all[i]) && all[i].Node != f.node
		if is {
			f.back = append(f.back, time.Since(f.began))
		}
		return is
	})
}

func (f *fault) String() string {
	after := func(percent int) float64 { return f.back[(len(f.back)*percent+99)/100-1].Seconds() }
	if len(f.back) == 0 {
		return fmt.Sprintf("%s %s: of %d clients none was seen elsewhere", f.node, f.what, f.total)
	}
	return fmt.Sprintf("%s %s: of %d clients 50%% were back after %.1fs, 95%% after %.1fs, the last of %d after %.1fs",
		f.node, f.what, f.total, after(50), after(95), len(f.back), after(100))
}

func perNode(all []realclient.Client) string {
	counts := make(map[string]int)
	for _, c := range all {
		counts[c.Node]++
	}
	return listed(counts)
}

func closesOf(all []realclient.Client) string {
	counts := make(map[string]int)
	for _, c := range all {
		for _, end := range c.Closes {
			what := fmt.Sprint(end.Code, " ", end.Reason)
			if end.GaveUp {
				what = "an attempt given up by pusher-js"
			}
			counts[what]++
		}
	}
	return listed(counts)
}

// listed is "5 a, 7 b".
func listed(counts map[string]int) (text string) {
	for i, what := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d × %s", counts[what], what)
	}
	return text
}

func statsOf(t *testing.T, n *process.Process) (stats devnode.Stats) {
	t.Helper()
	response, err := http.Get(n.URL() + "/devnode") // a node ends the connection itself
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	return stats
}
