package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"fermata/balancer"
	"fermata/proxy/relay"
)

var (
	connections    = desc("fermata_connections", "Clients connected, by node. During a drain these are the clients that remain.", "node")
	connectionsMax = desc("fermata_connections_max", "Clients that the node may have, its max_connections; absent without a cap.", "node")
	nodeUp         = desc("fermata_node_up", "Whether the node's checks pass.", "node")
	nodeDown       = desc("fermata_node_down", "1 for each node whose checks fail, and why they do; absent while it is up.", "node", "cause")
	nodeDraining   = desc("fermata_node_draining", "Whether the node is draining, or drained.", "node")
	drainInitial   = desc("fermata_drain_initial_connections", "Clients that the node had when its drain started; absent without a drain, as are the next two.", "node")
	drainBegin     = desc("fermata_drain_begin_timestamp_seconds", "When the drain begins to move clients, after its grace; absent without a drain.", "node")
	drainDeadline  = desc("fermata_drain_deadline_timestamp_seconds", "When the drain's last client is to be gone; absent without a drain.", "node")
	relayBytes     = desc("fermata_relay_bytes_total", "WebSocket bytes relayed.", "direction")
	relayMessages  = desc("fermata_relay_messages_total", "WebSocket messages relayed.", "direction")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// observer reads, at each scrape, what others keep.
type observer struct {
	nodes  func() []balancer.Status
	totals func() relay.Totals
}

// Observe registers the metrics that are read from the pool and the relay.
func Observe(registry prometheus.Registerer, nodes func() []balancer.Status, totals func() relay.Totals) {
	registry.MustRegister(observer{nodes, totals})
}

// Describe implements prometheus.Collector.
func (o observer) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		connections, connectionsMax, nodeUp, nodeDown, nodeDraining,
		drainInitial, drainBegin, drainDeadline, relayBytes, relayMessages,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (o observer) Collect(ch chan<- prometheus.Metric) {
	for _, n := range o.nodes() {
		collectNode(ch, n)
	}
	t := o.totals()
	counter := func(desc *prometheus.Desc, value int64, direction string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), direction)
	}
	counter(relayBytes, t.BytesToNode, "to_node")
	counter(relayBytes, t.BytesToClient, "to_client")
	counter(relayMessages, t.MessagesToNode, "to_node")
	counter(relayMessages, t.MessagesToClient, "to_client")
}

// collectNode leaves out what a node does not have, a cap or a drain: a zero
// would be one to divide by, or a time in 1970.
func collectNode(ch chan<- prometheus.Metric, n balancer.Status) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{n.Name}, labels...)...)
	}
	gauge(connections, float64(n.Connections))
	if n.MaxConnections > 0 {
		gauge(connectionsMax, float64(n.MaxConnections))
	}
	gauge(nodeUp, number(n.Up))
	if n.Fault != "" {
		gauge(nodeDown, 1, n.Fault)
	}
	gauge(nodeDraining, number(n.Drain != nil || n.Removed))
	if d := n.Drain; d != nil {
		gauge(drainInitial, float64(d.Initial))
		gauge(drainBegin, float64(d.Begin.Unix()))
		gauge(drainDeadline, float64(d.Deadline.Unix()))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
