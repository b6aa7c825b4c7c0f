// Package report keeps what became of the clients in each case, and shows it
// as a table, as JSON and as curves.
package report

import (
	"io"
	"math"
	"slices"
	"time"

	"fermata/internal/lab/sheet"
)

// Report is all that was measured.
type Report struct {
	sheet.Head
	Clients   int           `json:"clients"`
	Libraries []string      `json:"libraries"`         // they take turns
	Events    float64       `json:"events_per_second"` // to a channel of each kind in turn
	Patience  time.Duration `json:"patience"`          // how long a case was watched at most
	Scenarios []Scenario    `json:"scenarios"`
	Balancers []Balancer    `json:"balancers"`
	Cases     []*Case       `json:"cases"`
}

// Scenario is something that happens to nodes, or to the balancer.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Shows is what its chart shows, ShowsDrained or ShowsFullest, where several
	// Fermatas stand side by side; empty: the part of the clients that is subscribed.
	Shows string `json:"shows,omitempty"`
}

// Balancer is one of those compared.
type Balancer struct {
	Name    string `json:"name"`
	Version string `json:"version"` // empty: it has none
	Setup   string `json:"setup"`   // how it is configured, in words
	Drain   string `json:"drain"`   // what its operator does to take a node out
	Upgrade string `json:"upgrade"` // what its operator does to replace it; empty: it cannot be
}

// Percents are those of Case.Back and Case.Away.
var Percents = [3]int{50, 95, 100}

// Case is one scenario with one balancer. Times are in seconds.
type Case struct {
	Scenario string `json:"scenario"`
	Balancer string `json:"balancer"`
	// Watched is how long, from the event on.
	Watched float64 `json:"watched"`
	// Hit is how many clients lost their connection, or their node.
	Hit int `json:"hit"`
	// Kept is how many of them were subscribed again and kept their connection.
	Kept int `json:"kept"`
	// Back is after how long Percents of those hit were subscribed again for
	// good; nil: not while we watched.
	Back [3]*float64 `json:"back"`
	// Away is for how long Percents of those hit were without a
	// subscription, in sum; what we did not see the end of is nil.
	Away [3]*float64 `json:"away"`
	// AwayAtOnce is how many were, at most.
	AwayAtOnce int `json:"away_at_once"`
	// PeakUpgrades is the most that one node answered within a second.
	PeakUpgrades int `json:"peak_upgrades_per_second"`
	// Lost are those not subscribed in the end, Failed those of them that
	// will never try again; by library.
	Lost   map[string]int `json:"lost"`
	Failed map[string]int `json:"failed"`
	// Refused is how many attempts to connect got no 101.
	Refused int `json:"refused"`
	// Reconnects is how many attempts were greeted by a node.
	Reconnects int `json:"reconnects"`
	// Closes counts what the other sockets ended with, by code.
	Closes map[int]int `json:"closes"`
	// Deliveries are those of the numbered events, the quiet seconds at the end
	// included.
	Deliveries Deliveries `json:"deliveries"`
	// Curve is the part of all clients that is subscribed, 0 to 1.
	Curve []Point `json:"curve"`
	// Members is nil but where Scenario.Shows says something.
	Members *Members `json:"members,omitempty"`
	// Upgrade is nil but where the balancer itself was replaced.
	Upgrade *Upgrade `json:"upgrade,omitempty"`
}

// Deliveries are those of events to clients that were subscribed at first.
type Deliveries struct {
	Due     int `json:"due"` // had nothing happened
	Missed  int `json:"missed"`
	Twice   int `json:"twice"`
	Late    int `json:"late"`    // after one that was published later
	Clients int `json:"clients"` // that have missed something
}

// Plus are both together.
func (d Deliveries) Plus(e Deliveries) Deliveries {
	return Deliveries{d.Due + e.Due, d.Missed + e.Missed, d.Twice + e.Twice, d.Late + e.Late, d.Clients + e.Clients}
}

// Point says that from T on, Share of the clients were subscribed.
type Point struct {
	T     float64 `json:"t"`
	Share float64 `json:"share"`
}

// Quantiles are the values that percents of total do not exceed. Where there
// are too few values, since the others' end was not seen, one is nil.
func Quantiles(percents [3]int, values []float64, total int) (quantiles [3]*float64) {
	sorted := slices.Sorted(slices.Values(values))
	for i, percent := range percents {
		rank := int(math.Ceil(float64(percent) / 100 * float64(total)))
		if rank >= 1 && rank <= len(sorted) {
			quantiles[i] = &sorted[rank-1]
		}
	}
	return quantiles
}

// JSON writes all of the report.
func (r *Report) JSON(w io.Writer) error { return sheet.JSON(w, r) }

// find returns the case, nil if it was not measured.
func (r *Report) find(scenario Scenario, balancer Balancer) *Case {
	for _, c := range r.Cases {
		if c.Scenario == scenario.Name && c.Balancer == balancer.Name {
			return c
		}
	}
	return nil
}
