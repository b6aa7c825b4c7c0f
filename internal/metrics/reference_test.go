package metrics

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"fermata/balancer"
	"fermata/proxy/relay"
)

const referencePage = "../../docs/metrics.md"

var update = flag.Bool("update", false, "write docs/metrics.md")

const referenceHead = `# Metrics

On ` + "`/metrics`" + ` of the [admin endpoint](api.md), with those of Go and of the process (` + "`process_open_fds`, `process_max_fds`" + `). What the
values of their labels mean is in the [reference](reference.md#metrics).

<!-- make reference writes this page, from what is in internal/metrics. -->

| metric | type | labels | what it is |
|---|---|---|---|
`

func TestThePageOfTheMetricsIsWhatTheyAre(t *testing.T) {
	if localPorts() == 0 {
		t.Skip("SKIPPED, as this system has no fermata_local_ports")
	}
	page := referenceHead
	for _, family := range everyFamily(t) {
		page += fmt.Sprintf("| `%s` | %s | %s | %s |\n", family.GetName(), strings.ToLower(family.GetType().String()), labelsOf(family), family.GetHelp())
	}
	if *update {
		if err := os.WriteFile(referencePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(referencePage); err != nil || string(got) != page {
		t.Errorf("got %v and a page of %d bytes, want the %d that make reference writes", err, len(got), len(page))
	}
}

// everyFamily has a sample of each metric that there is.
func everyFamily(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewRegistry()
	m := New(registry)
	m.Picked("", "")
	m.Handshake("", "")
	m.Closed("", "", 0)
	m.Checked("", 0)
	m.Answered("", 0)
	node := balancer.Status{MaxConnections: 1, Fault: "refused", Drain: &balancer.Drain{Begin: time.Now(), Deadline: time.Now()}}
	Observe(registry, func() []balancer.Status { return []balancer.Status{node} }, func() relay.Totals { return relay.Totals{} })
	ObserveTallies(registry, func() []Tally { return []Tally{{Apps: map[string]int{"": 1}}} })
	ObserveSubscriptions(registry, func() []Subscriptions { return []Subscriptions{{}} })
	ObserveDelivery(registry, func() map[string]bool { return map[string]bool{"": true} })
	ObserveDiscovery(registry, func() []Discovered { return []Discovered{{}} })
	ObserveACME(registry, func() ACME { return ACME{Domains: []ACMEDomain{{}}} })
	one := func() int { return 1 }
	ObserveWhole(registry, Whole{
		Usable: one, Panicking: func() bool { return false },
		Clients: func() (now, most int64) { return 1, 1 }, LinesDropped: func() int64 { return 0 },
	})
	ObserveCluster(registry, Cluster{Members: one, RedisUp: func() bool { return true }, Connections: func() map[string]int { return map[string]int{"": 1} }}, []string{""})
	families, err := registry.Gather()
	if err != nil || len(families) != described(registry) {
		t.Fatalf("got %d metrics and %v, want a sample of all %d", len(families), err, described(registry))
	}
	return families
}

// described is how many metrics a registry has.
func described(registry *prometheus.Registry) (n int) {
	all := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(all)
		close(all)
	}()
	for range all {
		n++
	}
	return n
}

func labelsOf(family *dto.MetricFamily) string {
	var names []string
	for _, label := range family.GetMetric()[0].GetLabel() {
		names = append(names, "`"+label.GetName()+"`")
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
