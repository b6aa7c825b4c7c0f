package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestClientsThatAreHandedOverAreCountedByDirection(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	want := func(want string) { t.Helper(); wantMetrics(t, registry, want, "fermata_handed_over_total") }
	want(`
fermata_handed_over_total{direction="in"} 0
fermata_handed_over_total{direction="out"} 0
`)
	m.HandedOut()
	m.HandedOut()
	m.HandedIn()
	want(`
fermata_handed_over_total{direction="in"} 1
fermata_handed_over_total{direction="out"} 2
`)
}
