package metrics

import "github.com/prometheus/client_golang/prometheus"

// Whole is where what concerns no single node is read, at each scrape.
type Whole struct {
	Usable       func() int               // nodes that can take a client now
	Panicking    func() bool              // whether the checks are not believed
	Clients      func() (now, most int64) // of this process
	LinesDropped func() int64             // of the log
}

// ObserveWhole registers the metrics of the whole. Every func must be set, and
// may be called concurrently.
func ObserveWhole(registry prometheus.Registerer, w Whole) {
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("fermata_nodes_usable", "Nodes that can take a client now, full ones left out. At 0 /readyz is 503, unless nodes are only full.", func() float64 { return float64(w.Usable()) })
	gauge("fermata_health_panic", "1 while the checks are not believed, as too many nodes fail them: health.panic_threshold.", func() float64 { return number(w.Panicking()) })
	gauge("fermata_clients", "Clients of this process, those that wait for a node with them.", func() float64 {
		now, _ := w.Clients()
		return float64(now)
	})
	gauge("fermata_clients_max", "Clients that there may be: limits.max_clients, or what the file descriptors allow.", func() float64 {
		_, most := w.Clients()
		return float64(most)
	})
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "fermata_log_lines_dropped_total", Help: "Lines of the log that are lost, as nobody reads it, or it cannot be written.",
	}, func() float64 { return float64(w.LinesDropped()) }))
	if localPorts() > 0 {
		gauge("fermata_local_ports", "Connections that the system can have to the address of one node (net.ipv4.ip_local_port_range); absent elsewhere than on Linux.", func() float64 { return float64(localPorts()) })
	}
}
