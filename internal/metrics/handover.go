package metrics

import "github.com/prometheus/client_golang/prometheus"

// Where clients go that another process takes over, or has had before.
const (
	handedOut = "out"
	handedIn  = "in"
)

func newHandedOver() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fermata_handed_over_total", Help: "Clients that were handed over to another process of Fermata, or by one, without being closed. They are counted neither as closed nor as new.",
	}, []string{"direction"})
	for _, direction := range []string{handedOut, handedIn} {
		c.WithLabelValues(direction) // a counter that begins at 1 has not grown for Prometheus
	}
	return c
}

// HandedOut counts a client that another process has from now on.
func (m *Metrics) HandedOut() { m.handedOver.WithLabelValues(handedOut).Inc() }

// HandedIn counts a client that another process has had before.
func (m *Metrics) HandedIn() { m.handedOver.WithLabelValues(handedIn).Inc() }
