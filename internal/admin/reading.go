package admin

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// reading is what the metrics said at one moment.
type reading struct {
	at     time.Time
	values map[series]float64
}

// series is one number of a metric.
type series struct {
	metric string // without fermata_; with _sum or _count for those of a histogram
	node   string
	label  string // the value of the label beside node, if there is one
}

// read leaves out what cannot be gathered.
func read(metrics prometheus.Gatherer, now time.Time) reading {
	r := reading{now, make(map[series]float64)}
	families, _ := metrics.Gather()
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), "fermata_")
		if !ours {
			continue
		}
		for _, metric := range family.GetMetric() {
			r.keep(name, metric)
		}
	}
	return r
}

func (r reading) keep(name string, metric *dto.Metric) {
	s := series{metric: name}
	for _, label := range metric.GetLabel() {
		if label.GetName() == "node" {
			s.node = label.GetValue()
		} else {
			s.label = label.GetValue()
		}
	}
	if histogram := metric.GetHistogram(); histogram != nil {
		r.values[series{name + "_sum", s.node, s.label}] = histogram.GetSampleSum()
		r.values[series{name + "_count", s.node, s.label}] = float64(histogram.GetSampleCount())
		return
	}
	r.values[s] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() // it is one of them
}

// since makes a sample of what happened after before.
func (r reading) since(before reading) Sample {
	sample := Sample{
		Time: r.at.UTC(), Connections: map[string]float64{}, Closed: map[string]float64{},
		Checks: map[string]float64{}, Messages: map[string]float64{}, Bytes: map[string]float64{},
	}
	seconds := r.at.Sub(before.at).Seconds()
	for s, value := range r.values {
		grown := growth(value, before.values[s])
		switch rate := grown / seconds; s.metric {
		case "connections":
			sample.Connections[s.node] = value
		case "handshakes_total":
			if s.label == "ok" {
				sample.Opened += rate
			}
		case "connections_closed_total":
			add(sample.Closed, s.label, rate)
		case "relay_messages_total":
			add(sample.Messages, s.label, rate)
		case "relay_bytes_total":
			add(sample.Bytes, s.label, rate)
		case "health_check_seconds_sum":
			count := series{"health_check_seconds_count", s.node, s.label}
			if checks := growth(r.values[count], before.values[count]); checks > 0 {
				sample.Checks[s.node] = rounded(grown / checks)
			}
		}
	}
	sample.Opened = rounded(sample.Opened)
	return sample
}

// growth of a counter, which begins again at 0 when its node was gone.
func growth(now, before float64) float64 {
	if now < before {
		return now
	}
	return now - before
}

func add(rates map[string]float64, name string, rate float64) {
	if rate > 0 {
		rates[name] = rounded(rates[name] + rate)
	}
}

// rounded is short to write: a millionth is less than anyone can see.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }
