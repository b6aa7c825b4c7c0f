package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"fermata/balancer"
	"fermata/internal/shortage"
	"fermata/proxy/relay"
)

// scrape is what Prometheus reads of the named metrics, or of all, without
// comments.
func scrape(t *testing.T, registry prometheus.Gatherer, names ...string) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all, text strings.Builder
	for _, family := range families {
		if len(names) == 0 || slices.Contains(names, family.GetName()) {
			expfmt.MetricFamilyToText(&all, family)
		}
	}
	for line := range strings.Lines(all.String()) {
		if !strings.HasPrefix(line, "#") {
			text.WriteString(line)
		}
	}
	return text.String()
}

func wantMetrics(t *testing.T, registry prometheus.Gatherer, want string, names ...string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got := scrape(t, registry, names...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatHappensIsCountedByNode(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	m.Picked("a", "cookie")
	m.Picked("a", "cookie")
	m.Picked("b", "hash")
	m.Handshake("a", "ok")
	m.Connected(20 * time.Millisecond)
	m.Closed("a", "drain", 90*time.Second)
	m.Checked("a", time.Millisecond)
	m.Answered("a", time.Microsecond)
	wantMetrics(t, registry, `
fermata_connections_closed_total{by="drain",node="a"} 1
fermata_handshakes_total{node="a",result="ok"} 1
fermata_picks_total{node="a",reason="cookie"} 2
fermata_picks_total{node="b",reason="hash"} 1
`, "fermata_picks_total", "fermata_handshakes_total", "fermata_connections_closed_total")
	text := scrape(t, registry)
	for _, want := range []string{
		"fermata_handshake_seconds_sum 0.02\n",
		"fermata_connection_seconds_sum 90\n",
		"fermata_health_check_seconds_sum{node=\"a\"} 0.001\n",
		"fermata_node_loop_seconds_sum{node=\"a\"} 1e-06\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant in it\n%s", text, want)
		}
	}
}

func TestAFailedReloadKeepsTheTimeOfTheLastGoodOne(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	m.Reloaded(true, time.Unix(1000, 0))
	m.Reloaded(false, time.Unix(2000, 0))
	names := []string{"fermata_config_last_reload_successful", "fermata_config_last_reload_success_timestamp_seconds"}
	wantMetrics(t, registry, `
fermata_config_last_reload_success_timestamp_seconds 1000
fermata_config_last_reload_successful 0
`, names...)
	m.Reloaded(true, time.Unix(3000, 0))
	wantMetrics(t, registry, `
fermata_config_last_reload_success_timestamp_seconds 3000
fermata_config_last_reload_successful 1
`, names...)
}

func TestTheExpiryIsZeroWithoutCertificates(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	m.CertificateExpiry(time.Time{})
	wantMetrics(t, registry, "fermata_certificate_not_after_timestamp_seconds 0\n", "fermata_certificate_not_after_timestamp_seconds")
	m.CertificateExpiry(time.Unix(1000, 0))
	wantMetrics(t, registry, "fermata_certificate_not_after_timestamp_seconds 1000\n", "fermata_certificate_not_after_timestamp_seconds")
}

func TestANodeThatIsGoneLeavesNoSeries(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	for _, node := range []string{"a", "b"} {
		m.Picked(node, "hash")
		m.Handshake(node, "ok")
		m.Closed(node, "client", time.Second)
		m.Checked(node, time.Millisecond)
		m.Answered(node, time.Microsecond)
	}
	m.Forget("a")
	text := scrape(t, registry)
	if strings.Contains(text, `node="a"`) {
		t.Errorf("got\n%s\nwant nothing of a", text)
	}
	if got := len(regexp.MustCompile(`_total\{.*node="b"`).FindAllString(text, -1)); got != 3 {
		t.Errorf("got %d counters, want the 3 of b", got)
	}
}

func TestPoolAndRelayAreReadAtEachScrape(t *testing.T) {
	nodes := []balancer.Status{
		{Name: "a", Up: true, Connections: 7, MaxConnections: 950},
		{Name: "b", Up: true, Drain: &balancer.Drain{Begin: time.Unix(1000, 0), Deadline: time.Unix(1600, 0), Initial: 5}},
		{Name: "c", Removed: true, Connections: 1, Fault: "refused"},
	}
	totals := relay.Totals{BytesToNode: 1, BytesToClient: 2, MessagesToNode: 3, MessagesToClient: 4}
	registry := prometheus.NewPedanticRegistry()
	Observe(registry, func() []balancer.Status { return nodes }, func() relay.Totals { return totals })
	wantMetrics(t, registry, `
fermata_connections{node="a"} 7
fermata_connections{node="b"} 0
fermata_connections{node="c"} 1
fermata_connections_max{node="a"} 950
fermata_drain_begin_timestamp_seconds{node="b"} 1000
fermata_drain_deadline_timestamp_seconds{node="b"} 1600
fermata_drain_initial_connections{node="b"} 5
fermata_node_down{cause="refused",node="c"} 1
fermata_node_draining{node="a"} 0
fermata_node_draining{node="b"} 1
fermata_node_draining{node="c"} 1
fermata_node_up{node="a"} 1
fermata_node_up{node="b"} 1
fermata_node_up{node="c"} 0
fermata_relay_bytes_total{direction="to_client"} 2
fermata_relay_bytes_total{direction="to_node"} 1
fermata_relay_messages_total{direction="to_client"} 4
fermata_relay_messages_total{direction="to_node"} 3
`)
	nodes, totals = nodes[:1], relay.Totals{BytesToNode: 100}
	nodes[0].Connections = 8
	wantMetrics(t, registry, `
fermata_connections{node="a"} 8
fermata_relay_bytes_total{direction="to_client"} 0
fermata_relay_bytes_total{direction="to_node"} 100
`, "fermata_connections", "fermata_relay_bytes_total")
}

func TestTheWholeIsReadAtEachScrape(t *testing.T) {
	usable, panics, clients := 3, false, int64(7)
	registry := prometheus.NewPedanticRegistry()
	ObserveWhole(registry, Whole{
		Usable:    func() int { return usable },
		Panicking: func() bool { return panics },
		Clients:   func() (now, most int64) { return clients, 1000 },

		LinesDropped: func() int64 { return 5 },
	})
	names := []string{"fermata_clients", "fermata_clients_max", "fermata_health_panic", "fermata_log_lines_dropped_total", "fermata_nodes_usable"}
	wantMetrics(t, registry, `
fermata_clients 7
fermata_clients_max 1000
fermata_health_panic 0
fermata_log_lines_dropped_total 5
fermata_nodes_usable 3
`, names...)
	usable, panics, clients = 1, true, 8
	wantMetrics(t, registry, `
fermata_clients 8
fermata_clients_max 1000
fermata_health_panic 1
fermata_log_lines_dropped_total 5
fermata_nodes_usable 1
`, names...)
}

func TestShortagesBeginAtZeroSoThatTheFirstOneIsGrowth(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	wantMetrics(t, registry, `
fermata_dial_shortages_total{resource="files"} 0
fermata_dial_shortages_total{resource="memory"} 0
fermata_dial_shortages_total{resource="ports"} 0
`, "fermata_dial_shortages_total")
	m.DialShort(shortage.Ports)
	if text := scrape(t, registry, "fermata_dial_shortages_total"); !strings.Contains(text, `{resource="ports"} 1`) {
		t.Errorf("got\n%s\nwant 1 for want of ports", text)
	}
}

func TestTheMetricsAreNamedAsPrometheusAdvises(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	nodes := []balancer.Status{{Name: "a", MaxConnections: 1, Fault: "refused", Drain: &balancer.Drain{}}}
	Observe(registry, func() []balancer.Status { return nodes }, func() relay.Totals { return relay.Totals{} })
	ObserveTallies(registry, func() []Tally { return []Tally{{Node: "a", Apps: map[string]int{"key": 1}}} })
	ObserveWhole(registry, Whole{func() int { return 1 }, func() bool { return false }, func() (int64, int64) { return 0, 1 }, func() int64 { return 0 }})
	m.Picked("a", "hash")
	m.Handshake("a", "ok")
	m.Closed("a", "client", time.Second)
	m.Checked("a", time.Millisecond)
	m.Answered("a", time.Microsecond)
	m.SessionMoved("moved", time.Second)
	ObserveSubscriptions(registry, func() []Subscriptions { return []Subscriptions{{"key", "private", 1}} })
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
