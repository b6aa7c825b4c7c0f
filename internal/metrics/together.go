package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"
)

// Together gathers the metrics of a process and of those whose place it has, as if
// they were one: counters and histograms are added up, and of gauges those that count
// clients. What those have counted that are gone stays in the sum, so that no counter
// falls. Make it with NewTogether; its methods may be called concurrently.
type Together struct {
	own    prometheus.Gatherer
	others func() []Exposition

	mu   sync.Mutex
	gone families // what those have counted that are gone
}

// Exposition is what another process has gathered, as Expose has written it.
type Exposition []byte

// NewTogether adds to own what others returns at that moment.
func NewTogether(own prometheus.Gatherer, others func() []Exposition) *Together {
	return &Together{own: own, others: others, gone: make(families)}
}

// Own gathers what this process has counted, and those that are gone: it is what a
// process says of itself whose place another one has.
func (t *Together) Own() prometheus.Gatherer {
	return &Together{own: t.own, others: func() []Exposition { return nil }, gone: t.left()}
}

// left is what those have counted that are gone.
func (t *Together) left() families {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := make(families)
	left.add(t.gone.list(), everything)
	return left
}

// Gather implements prometheus.Gatherer.
func (t *Together) Gather() ([]*dto.MetricFamily, error) {
	own, err := t.own.Gather()
	if err != nil {
		return own, err
	}
	var errs []error
	sum := make(families)
	sum.add(own, everything)
	for _, other := range t.others() {
		theirs, err := other.families()
		errs = append(errs, err)
		sum.add(theirs, whatAdds)
	}
	t.mu.Lock()
	sum.add(t.gone.list(), counted)
	t.mu.Unlock()
	return sum.list(), errors.Join(errs...)
}

// Left keeps what a process has counted that is gone now.
func (t *Together) Left(e Exposition) error {
	theirs, err := e.families()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone.add(theirs, counted)
	return err
}

// Expose writes what a gatherer has for another process.
func Expose(from prometheus.Gatherer) (Exposition, error) {
	all, err := from.Gather()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeProtoDelim))
	for _, family := range all {
		if err := encoder.Encode(family); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func (e Exposition) families() (all []*dto.MetricFamily, err error) {
	decoder := expfmt.NewDecoder(bytes.NewReader(e), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		family := new(dto.MetricFamily)
		switch err := decoder.Decode(family); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return all, fmt.Errorf("metrics of another process: %w", err)
		}
		all = append(all, family)
	}
}

// which says what of a family counts.
type which func(*dto.MetricFamily) bool

func everything(*dto.MetricFamily) bool { return true }

// counted is what only grows.
func counted(f *dto.MetricFamily) bool {
	return f.GetType() == dto.MetricType_COUNTER || f.GetType() == dto.MetricType_HISTOGRAM
}

// clientGauges are those of which processes have a part each.
var clientGauges = []string{"fermata_app_connections", "fermata_clients", "fermata_connections", "fermata_session_subscriptions", "fermata_sessions"}

// whatAdds is what processes that live have a part of.
func whatAdds(f *dto.MetricFamily) bool {
	return counted(f) || slices.Contains(clientGauges, f.GetName())
}

// families are metrics by name, and these by their labels.
type families map[string]*family

type family struct {
	*dto.MetricFamily
	metrics map[string]*dto.Metric
}

// add adds what counts of these.
func (fs families) add(all []*dto.MetricFamily, counts which) {
	for _, f := range all {
		if counts(f) {
			fs.of(f).add(f.GetMetric())
		}
	}
}

func (fs families) of(like *dto.MetricFamily) *family {
	f := fs[like.GetName()]
	if f == nil {
		f = &family{&dto.MetricFamily{Name: like.Name, Help: like.Help, Type: like.Type, Unit: like.Unit}, make(map[string]*dto.Metric)}
		fs[like.GetName()] = f
	}
	return f
}

func (f *family) add(metrics []*dto.Metric) {
	for _, m := range metrics {
		key := keyOf(m)
		if sum := f.metrics[key]; sum != nil {
			addMetric(sum, m)
			continue
		}
		f.metrics[key] = proto.Clone(m).(*dto.Metric)
	}
}

func keyOf(m *dto.Metric) string {
	var key strings.Builder
	for _, l := range m.GetLabel() {
		fmt.Fprintf(&key, "%q=%q,", l.GetName(), l.GetValue())
	}
	return key.String()
}

// addMetric adds m to sum, which has the same labels. Buckets that only one version
// of Fermata has are left out.
func addMetric(sum, m *dto.Metric) {
	switch {
	case sum.Counter != nil && m.Counter != nil:
		sum.Counter.Value = proto.Float64(sum.Counter.GetValue() + m.Counter.GetValue())
	case sum.Gauge != nil && m.Gauge != nil:
		sum.Gauge.Value = proto.Float64(sum.Gauge.GetValue() + m.Gauge.GetValue())
	case sum.Histogram != nil && m.Histogram != nil:
		addHistogram(sum.Histogram, m.Histogram)
	}
}

func addHistogram(sum, h *dto.Histogram) {
	sum.SampleCount = proto.Uint64(sum.GetSampleCount() + h.GetSampleCount())
	sum.SampleSum = proto.Float64(sum.GetSampleSum() + h.GetSampleSum())
	for _, bucket := range sum.GetBucket() {
		for _, other := range h.GetBucket() {
			if other.GetUpperBound() == bucket.GetUpperBound() {
				bucket.CumulativeCount = proto.Uint64(bucket.GetCumulativeCount() + other.GetCumulativeCount())
			}
		}
	}
}

// list is in the order in which Prometheus wants it.
func (fs families) list() (all []*dto.MetricFamily) {
	for _, f := range fs {
		sorted := &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Unit: f.Unit}
		for _, m := range f.metrics {
			sorted.Metric = append(sorted.Metric, m)
		}
		slices.SortFunc(sorted.Metric, func(a, b *dto.Metric) int { return strings.Compare(keyOf(a), keyOf(b)) })
		all = append(all, sorted)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}
