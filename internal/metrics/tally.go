package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"fermata/proxy/relay"
)

// Tally is what is counted at one node of what passes.
type Tally struct {
	Node     string
	Relayed  relay.Totals
	Apps     map[string]int // clients now, by app key; there are few
	Sessions int            // clients now that have one
}

var (
	nodeBytes    = prometheus.NewDesc("fermata_node_relay_bytes_total", "WebSocket bytes relayed, by node; gone with the node.", []string{"node", "direction"}, nil)
	nodeMessages = prometheus.NewDesc("fermata_node_relay_messages_total", "WebSocket messages relayed, by node; gone with the node.", []string{"node", "direction"}, nil)
	apps         = prometheus.NewDesc("fermata_app_connections", "Clients that the node has greeted, by node and by the key in PREFIX/app/KEY. The first 50 keys that have clients count; the clients of further ones are under other.", []string{"node", "app"}, nil)
	sessions     = prometheus.NewDesc("fermata_sessions", "Clients with a session, which can move to another node without being closed, by node.", []string{"node"}, nil)
)

// tallier reads the tallies at each scrape.
type tallier struct{ tallies func() []Tally }

// ObserveTallies registers the metrics that are read from the tallies.
func ObserveTallies(registry prometheus.Registerer, tallies func() []Tally) {
	registry.MustRegister(tallier{tallies})
}

// Describe implements prometheus.Collector.
func (t tallier) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{nodeBytes, nodeMessages, apps, sessions} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (t tallier) Collect(ch chan<- prometheus.Metric) {
	counter := func(desc *prometheus.Desc, value int64, node, direction string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), node, direction)
	}
	for _, n := range t.tallies() {
		counter(nodeBytes, n.Relayed.BytesToNode, n.Node, "to_node")
		counter(nodeBytes, n.Relayed.BytesToClient, n.Node, "to_client")
		counter(nodeMessages, n.Relayed.MessagesToNode, n.Node, "to_node")
		counter(nodeMessages, n.Relayed.MessagesToClient, n.Node, "to_client")
		ch <- prometheus.MustNewConstMetric(sessions, prometheus.GaugeValue, float64(n.Sessions), n.Node)
		for app, clients := range n.Apps {
			ch <- prometheus.MustNewConstMetric(apps, prometheus.GaugeValue, float64(clients), n.Node, app)
		}
	}
}
