package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"fermata/balancer"
	"fermata/proxy/relay"
)

var (
	connections   = prometheus.NewDesc("fermata_connections", "Clients connected, by node.", []string{"node"}, nil)
	nodeUp        = prometheus.NewDesc("fermata_node_up", "Whether the node's checks pass.", []string{"node"}, nil)
	nodeDraining  = prometheus.NewDesc("fermata_node_draining", "Whether the node is draining or drained.", []string{"node"}, nil)
	relayBytes    = prometheus.NewDesc("fermata_relay_bytes_total", "WebSocket bytes relayed.", []string{"direction"}, nil)
	relayMessages = prometheus.NewDesc("fermata_relay_messages_total", "WebSocket messages relayed.", []string{"direction"}, nil)
)

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
	for _, desc := range []*prometheus.Desc{connections, nodeUp, nodeDraining, relayBytes, relayMessages} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (o observer) Collect(ch chan<- prometheus.Metric) {
	for _, n := range o.nodes() {
		ch <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(n.Connections), n.Name)
		ch <- prometheus.MustNewConstMetric(nodeUp, prometheus.GaugeValue, number(n.Up), n.Name)
		ch <- prometheus.MustNewConstMetric(nodeDraining, prometheus.GaugeValue, number(n.Drain != nil || n.Removed), n.Name)
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

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
