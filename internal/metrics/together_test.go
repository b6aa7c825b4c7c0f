package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// process has some metrics of each kind.
type process struct {
	registry *prometheus.Registry
	together *Together
	closed   *prometheus.CounterVec
	lasted   prometheus.Histogram
	clients  prometheus.Gauge
	limit    prometheus.Gauge
	leads    []*process
}

func newProcess() *process {
	p := &process{
		registry: prometheus.NewRegistry(),
		closed:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fermata_closed_total"}, []string{"by"}),
		lasted:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "fermata_connection_seconds", Buckets: []float64{1, 10}}),
		clients:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "fermata_clients"}),
		limit:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "fermata_clients_max"}),
	}
	p.registry.MustRegister(p.closed, p.lasted, p.clients, p.limit)
	p.limit.Set(1000)
	p.together = NewTogether(p.registry, func() (all []Exposition) {
		for _, other := range p.leads {
			all = append(all, other.exposition())
		}
		return all
	})
	return p
}

func (p *process) exposition() Exposition {
	e, err := Expose(p.together.Own())
	if err != nil {
		panic(err)
	}
	return e
}

// serve has clients come and go.
func (p *process) serve(gone, stay int, seconds float64) {
	p.clients.Set(float64(stay))
	for range gone {
		p.closed.WithLabelValues("client").Inc()
		p.lasted.Observe(seconds)
	}
}

// seen is what Prometheus sees.
type seen struct {
	closed, clients, limit float64
	lasted                 uint64
	short                  uint64 // of these, up to a second
}

func (p *process) seen(t *testing.T) (s seen) {
	t.Helper()
	families, err := p.together.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if len(f.GetMetric()) != 1 {
			t.Fatalf("%s: got %d metrics, want 1", f.GetName(), len(f.GetMetric()))
		}
		s.take(f.GetName(), f.GetMetric()[0])
	}
	return s
}

func (s *seen) take(name string, m *dto.Metric) {
	switch name {
	case "fermata_closed_total":
		s.closed = m.GetCounter().GetValue()
	case "fermata_connection_seconds":
		s.lasted, s.short = m.GetHistogram().GetSampleCount(), m.GetHistogram().GetBucket()[0].GetCumulativeCount()
	case "fermata_clients":
		s.clients = m.GetGauge().GetValue()
	case "fermata_clients_max":
		s.limit = m.GetGauge().GetValue()
	}
}

func TestMetricsAreThoseOfOneFermataThroughUpgrades(t *testing.T) {
	is := func(p *process, want seen) {
		t.Helper()
		if got := p.seen(t); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	first, second, third := newProcess(), newProcess(), newProcess()
	first.serve(5, 10, 0.5)
	is(first, seen{closed: 5, clients: 10, limit: 1000, lasted: 5, short: 5})

	second.leads = []*process{first}
	second.serve(3, 20, 5)
	is(second, seen{closed: 8, clients: 30, limit: 1000, lasted: 8, short: 5})

	gone := newProcess() // that the second led, too
	gone.serve(7, 0, 5)
	if err := second.together.Left(gone.exposition()); err != nil {
		t.Fatal(err)
	}
	is(second, seen{closed: 15, clients: 30, limit: 1000, lasted: 15, short: 5})

	second.leads = nil
	third.leads = []*process{first, second}
	is(third, seen{closed: 15, clients: 30, limit: 1000, lasted: 15, short: 5})

	for _, ends := range []*process{first, second} { // in turn, the last with clients that are lost
		last := ends.exposition()
		third.leads = third.leads[1:]
		if err := third.together.Left(last); err != nil {
			t.Fatal(err)
		}
	}
	is(third, seen{closed: 15, limit: 1000, lasted: 15, short: 5})
	is(third, seen{closed: 15, limit: 1000, lasted: 15, short: 5}) // gathering changes nothing
}

func TestMetricsOfAnotherProcessThatCannotBeReadAreAnErrorAndNoMore(t *testing.T) {
	p := newProcess()
	p.serve(2, 3, 0.5)
	if err := p.together.Left(Exposition("\xff\xff\xff nonsense")); err == nil {
		t.Error("got no error, want one")
	}
	if err := p.together.Left(nil); err != nil {
		t.Errorf("got %v, want nothing to be left of who has said nothing", err)
	}
	if got, want := p.seen(t), (seen{closed: 2, clients: 3, limit: 1000, lasted: 2, short: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
