package metrics

import "github.com/prometheus/client_golang/prometheus"

// Cluster is where what concerns the cluster is read, at each scrape.
type Cluster struct {
	Members     func() int            // that are heard, this one too
	RedisUp     func() bool           // whether its Redis can be reached
	Connections func() map[string]int // of all members together, by node
}

// ObserveCluster registers the metrics of a Fermata that is in a cluster. Every func
// must be set, and may be called concurrently. Refused counts what in Redis does not
// count, by one of the reasons.
func ObserveCluster(registry prometheus.Registerer, c Cluster, reasons []string) (refused func(reason string)) {
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("fermata_cluster_members", "Fermatas in the cluster that this one hears, itself too.", func() float64 { return float64(c.Members()) })
	gauge("fermata_cluster_redis_up", "Whether the cluster's Redis can be reached.", func() float64 { return number(c.RedisUp()) })
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fermata_cluster_refused_total", Help: "What was in the cluster's Redis and does not count, as no member has written it, or not now, by reason.",
	}, []string{"reason"})
	for _, reason := range reasons {
		counts.WithLabelValues(reason) // a counter that begins at 1 has not grown for Prometheus
	}
	registry.MustRegister(clusterConnections{c.Connections}, counts)
	return func(reason string) { counts.WithLabelValues(reason).Inc() }
}

var connectionsOfAll = desc("fermata_cluster_connections", "Clients of all members of the cluster together, by node.", "node")

// clusterConnections reads them at each scrape.
type clusterConnections struct{ all func() map[string]int }

// Describe implements prometheus.Collector.
func (c clusterConnections) Describe(ch chan<- *prometheus.Desc) { ch <- connectionsOfAll }

// Collect implements prometheus.Collector.
func (c clusterConnections) Collect(ch chan<- prometheus.Metric) {
	for node, count := range c.all() {
		ch <- prometheus.MustNewConstMetric(connectionsOfAll, prometheus.GaugeValue, float64(count), node)
	}
}
