//go:build linux

package crowd

import (
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
	to.Refused, to.Reconnects, to.Closes = c.refused, c.greeted, map[int]int{}
	for end, count := range c.closes {
		to.Closes[end.code] += count
	}
	to.Lost, to.Failed = map[string]int{}, map[string]int{}
	if to.Upgrade != nil {
		to.Upgrade.Plain, to.Upgrade.TLS = c.side(false), c.side(true)
	}
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
	to.Back, to.Away = report.Quantiles(report.Percents, back, to.Hit), report.Quantiles(report.Percents, away, to.Hit)
	to.Curve, to.AwayAtOnce = shares(c.curve, members)
}

// side is what became of the clients with TLS, or of those without.
func (c *Crowd) side(secure bool) report.Side {
	side := report.Side{Closes: map[int]int{}}
	for end, count := range c.closes {
		if end.secure == secure {
			side.Closes[end.code] = count
		}
	}
	var away []float64
	for i := range c.clients {
		client := &c.clients[i]
		if !client.member || client.secure != secure {
			continue
		}
		side.Clients++
		switch {
		case client.hit && client.in:
			away = append(away, client.away.Seconds())
		case client.hit:
			side.Lost++
		}
	}
	side.Hit = len(away) + side.Lost
	side.Away = report.Quantiles(report.SidePercents, away, side.Hit)
	return side
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
