package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ACME is how it stands with the certificates that are got from a CA.
type ACME struct {
	Domains                []ACMEDomain
	Issued, Failed, Missed int // certificates, attempts, and clients that got none
}

// ACMEDomain is one of them.
type ACMEDomain struct {
	Name     string
	NotAfter time.Time // zero: it has no certificate yet
	Failures int       // since the last success
}

var (
	acmeNotAfter = desc("fermata_acme_certificate_not_after_timestamp_seconds", "When the certificate of a domain expires; 0 before there is one.", "domain")
	acmeFailing  = desc("fermata_acme_certificate_failures", "Attempts to get or renew the certificate of a domain that have failed since the last success.", "domain")
	acmeIssued   = desc("fermata_acme_issued_total", "Certificates that the CA has issued to this Fermata.")
	acmeFailed   = desc("fermata_acme_failures_total", "Attempts to get or renew a certificate that failed.")
	acmeMissed   = desc("fermata_acme_refused_handshakes_total", "TLS handshakes that ended because the certificate is not issued yet.")
)

// acme reads, at each scrape, how it stands.
type acme struct{ read func() ACME }

// ObserveACME registers the metrics of certificates that are got from a CA.
func ObserveACME(registry prometheus.Registerer, read func() ACME) { registry.MustRegister(acme{read}) }

// Describe implements prometheus.Collector.
func (a acme) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{acmeNotAfter, acmeFailing, acmeIssued, acmeFailed, acmeMissed} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (a acme) Collect(ch chan<- prometheus.Metric) {
	now := a.read()
	for _, d := range now.Domains {
		at := 0.0
		if !d.NotAfter.IsZero() {
			at = float64(d.NotAfter.Unix())
		}
		ch <- prometheus.MustNewConstMetric(acmeNotAfter, prometheus.GaugeValue, at, d.Name)
		ch <- prometheus.MustNewConstMetric(acmeFailing, prometheus.GaugeValue, float64(d.Failures), d.Name)
	}
	count := func(d *prometheus.Desc, n int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	count(acmeIssued, now.Issued)
	count(acmeFailed, now.Failed)
	count(acmeMissed, now.Missed)
}
