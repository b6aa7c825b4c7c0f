package metrics

import "github.com/prometheus/client_golang/prometheus"

// Discovered is what one entry of the configuration has found.
type Discovered struct {
	Entry    string
	Nodes    int // that there are now
	Failures int // looks that failed, or found nothing
}

var (
	discoveredNodes   = desc("fermata_discovered_nodes", "Nodes that an entry with discover has found, by its name in the configuration.", "entry")
	discoveryFailures = desc("fermata_discovery_failures_total", "Looks for nodes that failed, or found none.", "entry")
)

// discovery reads, at each scrape, what was found.
type discovery struct{ read func() []Discovered }

// ObserveDiscovery registers the metrics of nodes that are found.
func ObserveDiscovery(registry prometheus.Registerer, read func() []Discovered) {
	registry.MustRegister(discovery{read})
}

// Describe implements prometheus.Collector.
func (d discovery) Describe(ch chan<- *prometheus.Desc) {
	ch <- discoveredNodes
	ch <- discoveryFailures
}

// Collect implements prometheus.Collector.
func (d discovery) Collect(ch chan<- prometheus.Metric) {
	for _, e := range d.read() {
		ch <- prometheus.MustNewConstMetric(discoveredNodes, prometheus.GaugeValue, float64(e.Nodes), e.Entry)
		ch <- prometheus.MustNewConstMetric(discoveryFailures, prometheus.CounterValue, float64(e.Failures), e.Entry)
	}
}
