package metrics

import "github.com/prometheus/client_golang/prometheus"

var deliveryUp = desc("fermata_delivery_up", "Whether events get from the node to the others and back; absent where that is not known.", "node")

// deliverer reads what is known of the nodes' delivery at each scrape.
type deliverer struct{ up func() map[string]bool }

// ObserveDelivery registers the metric of what the nodes deliver. Up may be called
// concurrently.
func ObserveDelivery(registry prometheus.Registerer, up func() map[string]bool) {
	registry.MustRegister(deliverer{up})
}

// Describe implements prometheus.Collector.
func (d deliverer) Describe(ch chan<- *prometheus.Desc) { ch <- deliveryUp }

// Collect implements prometheus.Collector.
func (d deliverer) Collect(ch chan<- prometheus.Metric) {
	for node, up := range d.up() {
		ch <- prometheus.MustNewConstMetric(deliveryUp, prometheus.GaugeValue, number(up), node)
	}
}
