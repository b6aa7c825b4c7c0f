// Package metrics is what Fermata counts, as Prometheus reads it. Labels are
// few and bounded: a node, never a client or a path.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/internal/shortage"
)

// Metrics are the counters that others write to. What the pool and the relay
// know anyway is read from them at each scrape instead: see Observe.
type Metrics struct {
	clientsRefused    *prometheus.CounterVec
	wrongTokens       prometheus.Counter
	picks             *prometheus.CounterVec
	handshakes        *prometheus.CounterVec
	handshakeSeconds  prometheus.Histogram
	dialShortages     *prometheus.CounterVec
	acceptFailures    prometheus.Counter
	proxyHeaders      prometheus.Counter
	spansLost         prometheus.Counter
	refused           *prometheus.CounterVec
	lookups           *prometheus.CounterVec
	closed            *prometheus.CounterVec
	connectionSeconds prometheus.Histogram
	checkSeconds      *prometheus.HistogramVec
	loopSeconds       *prometheus.HistogramVec
	reloadOK          prometheus.Gauge
	reloadTime        prometheus.Gauge
	certificateExpiry prometheus.Gauge
	panics            prometheus.Counter
	sessionMoves      sessionMoves
	handedOver        *prometheus.CounterVec
}

// New registers the metrics.
func New(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		picks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_picks_total", Help: "Nodes picked for clients, by node and why.",
		}, []string{"node", "reason"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_handshakes_total", Help: "Upgrades asked of nodes, and clients that were not let in, by node and result.",
		}, []string{"node", "result"}),
		handshakeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fermata_handshake_seconds", Help: "Time from a client's upgrade request to its 101.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		dialShortages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_dial_shortages_total", Help: "Dials to nodes, for upgrades, plain requests and checks, that failed for want of something of Fermata's own. They are not held against the node.",
		}, []string{"resource"}),
		acceptFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fermata_accept_failures_total", Help: "Connections to Fermata, of clients and of operators, that could not be accepted, for want of file descriptors mostly. The next ones are tried.",
		}),
		spansLost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fermata_spans_unsent_total", Help: "Batches of spans that tracing.endpoint has not taken.",
		}),
		proxyHeaders: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fermata_proxy_headers_refused_total", Help: "Connections that began with a header of the PROXY protocol, from peers that are not in listen[].proxy_protocol.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_connections_refused_total", Help: "Connections that were closed before their first request, by reason.",
		}, []string{"reason"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_lookups_total", Help: "Look-ups of nodes' names, by result.",
		}, []string{"result"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_connections_closed_total", Help: "Clients that ended, by node and who ended them.",
		}, []string{"node", "by"}),
		connectionSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fermata_connection_seconds", Help: "Time from a client's upgrade request to its end.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600},
		}),
		checkSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fermata_health_check_seconds", Help: "Time that health checks took, by node.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"node"}),
		loopSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fermata_node_loop_seconds", Help: "Time that a node took to answer a check that passed, connecting apart, which is how far behind its event loop is: from pusher:ping to its pong with health.type reverb, from the request to the answer's first byte with http, none with tcp.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"node"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fermata_config_last_reload_successful", Help: "Whether the last reload of the configuration was taken over.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fermata_config_last_reload_success_timestamp_seconds", Help: "When a configuration was last taken over.",
		}),
		certificateExpiry: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fermata_certificate_not_after_timestamp_seconds", Help: "When the first of the certificates expires; 0 without TLS.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fermata_panics_total", Help: "Panics in Fermata itself. Each has ended one client, and is in the log with its stack. Please report them.",
		}),
		sessionMoves: newSessionMoves(),
		handedOver:   newHandedOver(),
		clientsRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fermata_client_certificates_refused_total", Help: "Clients refused by listen[].tls.client_ca, by whether they have shown a certificate.",
		}, []string{"reason"}),
		wrongTokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fermata_admin_wrong_tokens_total", Help: "Requests to the admin endpoint with a token that is none of its own.",
		}),
	}
	m.clientsRefused.WithLabelValues(certificateNone)
	m.clientsRefused.WithLabelValues(certificateUntrusted)
	registry.MustRegister(m.clientsRefused, m.wrongTokens)
	for _, resource := range shortage.Resources {
		m.dialShortages.WithLabelValues(resource) // a counter that begins at 1 has not grown for Prometheus
	}
	for _, reason := range []string{RefusedDenied, RefusedHeader} {
		m.refused.WithLabelValues(reason)
	}
	m.lookups.WithLabelValues(lookupOK)
	m.lookups.WithLabelValues(lookupFailed)
	registry.MustRegister(m.picks, m.handshakes, m.handshakeSeconds, m.dialShortages, m.acceptFailures, m.proxyHeaders, m.refused, m.spansLost, m.lookups, m.closed, m.connectionSeconds,
		m.checkSeconds, m.loopSeconds, m.reloadOK, m.reloadTime, m.certificateExpiry, m.panics,
		m.sessionMoves.results, m.sessionMoves.seconds, m.handedOver)
	return m
}

// Picked counts a pick.
func (m *Metrics) Picked(node, reason string) { m.picks.WithLabelValues(node, reason).Inc() }

// Handshake counts an upgrade that was asked of a node.
func (m *Metrics) Handshake(node, result string) { m.handshakes.WithLabelValues(node, result).Inc() }

// DialShort counts a dial that failed for want of a resource, one of
// shortage.Resources.
func (m *Metrics) DialShort(resource string) { m.dialShortages.WithLabelValues(resource).Inc() }

const (
	lookupOK     = "ok"
	lookupFailed = "failed"
)

// LookedUp counts a look-up of a node's name.
func (m *Metrics) LookedUp(ok bool) {
	result := lookupFailed
	if ok {
		result = lookupOK
	}
	m.lookups.WithLabelValues(result).Inc()
}

const (
	certificateNone      = "none"
	certificateUntrusted = "untrusted"
)

// ClientRefused counts a client that has shown no certificate of listen[].tls.client_ca.
func (m *Metrics) ClientRefused(none bool) {
	reason := certificateUntrusted
	if none {
		reason = certificateNone
	}
	m.clientsRefused.WithLabelValues(reason).Inc()
}

// WrongToken counts a request to the admin endpoint with a wrong token.
func (m *Metrics) WrongToken() { m.wrongTokens.Inc() }

// ProxyHeader counts a connection that began with a PROXY protocol header.
func (m *Metrics) ProxyHeader() { m.proxyHeaders.Inc() }

// SpansLost counts a batch of spans that could not be sent.
func (m *Metrics) SpansLost() { m.spansLost.Inc() }

// Why a connection is closed before its first request.
const (
	RefusedDenied = "denied"       // its address is in deny, or not in allow
	RefusedHeader = "proxy_header" // a proxy's, whose header is wrong, late or not there
)

// Refused counts a connection that was closed before its first request.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// AcceptFailed counts a connection that could not be accepted.
func (m *Metrics) AcceptFailed() { m.acceptFailures.Inc() }

// Panicked counts a panic.
func (m *Metrics) Panicked() { m.panics.Inc() }

// Connected notes how long a client waited for its 101.
func (m *Metrics) Connected(wait time.Duration) { m.handshakeSeconds.Observe(wait.Seconds()) }

// Closed counts a client's end.
func (m *Metrics) Closed(node, by string, lasted time.Duration) {
	m.closed.WithLabelValues(node, by).Inc()
	m.connectionSeconds.Observe(lasted.Seconds())
}

// Checked notes how long a health check took.
func (m *Metrics) Checked(node string, took time.Duration) {
	m.checkSeconds.WithLabelValues(node).Observe(took.Seconds())
}

// Answered notes how long a node took to answer a health check.
func (m *Metrics) Answered(node string, took time.Duration) {
	m.loopSeconds.WithLabelValues(node).Observe(took.Seconds())
}

// Reloaded notes whether a configuration was taken over.
func (m *Metrics) Reloaded(ok bool, now time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(now.Unix()))
}

// CertificateExpiry notes when the first certificate expires.
func (m *Metrics) CertificateExpiry(at time.Time) {
	if !at.IsZero() {
		m.certificateExpiry.Set(float64(at.Unix()))
	}
}

// Forget drops the series of a node that is gone.
func (m *Metrics) Forget(node string) {
	labels := prometheus.Labels{"node": node}
	m.picks.DeletePartialMatch(labels)
	m.handshakes.DeletePartialMatch(labels)
	m.closed.DeletePartialMatch(labels)
	m.checkSeconds.DeletePartialMatch(labels)
	m.loopSeconds.DeletePartialMatch(labels)
}
