package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/proxy/moves"
)

// moveResults are what a session's move can come to, see Metrics.SessionMoved.
var moveResults = []string{
	resultMoved, moves.Off, moves.NotTracked, moves.NoNode, moves.Refused, moves.Publish, moves.NoSharedBus, moves.Timeout,
	moves.Stopping, moves.Failed,
}

const resultMoved = "moved"

// sessionMoves are the metrics of moves that were tried.
type sessionMoves struct {
	results *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newSessionMoves() sessionMoves {
	s := sessionMoves{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_session_moves_total", Help: "Moves of sessions to another node that were tried, by result.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fermata_session_move_seconds", Help: "Time that moves of sessions took that succeeded.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	for _, result := range moveResults {
		s.results.WithLabelValues(result) // a counter that begins at 1 has not grown for Prometheus
	}
	return s
}

// SessionMoved counts a session that was to move to another node, and how long that
// took. The result is moved, or the word for why it was not; moves.Gone is not
// counted.
func (m *Metrics) SessionMoved(result string, took time.Duration) {
	if result == moves.Gone {
		return
	}
	m.sessionMoves.results.WithLabelValues(result).Inc()
	if result == resultMoved {
		m.sessionMoves.seconds.Observe(took.Seconds())
	}
}

// Subscriptions are how many of one kind the sessions of an app have.
type Subscriptions struct {
	App   string // its key; it is one of the configuration's
	Kind  string // public, private, presence, cache, encrypted
	Count int64
}

var subscriptions = desc("fermata_session_subscriptions", "What the clients with a session are subscribed to, by app key and kind of channel.", "app", "kind")

// subscriptionReader reads the subscriptions at each scrape.
type subscriptionReader struct{ all func() []Subscriptions }

// ObserveSubscriptions registers the metric that is read from the sessions.
func ObserveSubscriptions(registry prometheus.Registerer, all func() []Subscriptions) {
	registry.MustRegister(subscriptionReader{all})
}

// Describe implements prometheus.Collector.
func (s subscriptionReader) Describe(ch chan<- *prometheus.Desc) { ch <- subscriptions }

// Collect implements prometheus.Collector.
func (s subscriptionReader) Collect(ch chan<- prometheus.Metric) {
	for _, each := range s.all() {
		ch <- prometheus.MustNewConstMetric(subscriptions, prometheus.GaugeValue, float64(each.Count), each.App, each.Kind)
	}
}
