//go:build linux

package crowd

import (
	"maps"
	"time"

	"fermata/internal/lab/storm/report"
)

// resolution is the least time between two points of a curve.
const resolution = 100 * time.Millisecond

// Result fills in what became of the clients from the event until now.
func (c *Crowd) Result(to *report.Case, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to.Watched = now.Sub(c.at).Seconds()
	to.Refused, to.Reconnects, to.Closes = c.refused, c.greeted, maps.Clone(c.closes)
	to.Lost, to.Failed = map[string]int{}, map[string]int{}
	var back, away []float64
	members := 0
	for i := range c.clients {
		client := &c.clients[i]
		if !client.member {
			continue
		}
		members++
		switch {
		case !client.hit:
			continue
		case client.in:
			back = append(back, client.back.Seconds())
			away = append(away, client.away.Seconds())
		case client.failed:
			to.Failed[client.library]++
			fallthrough
		default:
			to.Lost[client.library]++
		}
		if client.in && !client.closed {
			to.Kept++
		}
		to.Hit++
	}
	to.Back, to.Away = report.Quantiles(back, to.Hit), report.Quantiles(away, to.Hit)
	to.Curve, to.AwayAtOnce = shares(c.curve, members)
}

// shares thins the curve out, and tells how many were away at once.
func shares(curve []change, members int) (points []report.Point, away int) {
	bucket := time.Duration(-1)
	for _, change := range curve {
		away = max(away, members-change.in)
		point := report.Point{T: change.after.Seconds(), Share: float64(change.in) / float64(members)}
		if at := change.after / resolution; at != bucket {
			bucket = at
			points = append(points, point)
		} else {
			points[len(points)-1].Share = point.Share
		}
	}
	return points, away
}
