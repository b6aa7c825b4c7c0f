package report

import "fmt"

// Upgrade is what is measured where the balancer itself is replaced by a new
// process.
type Upgrade struct {
	Plain Side `json:"plain"`
	TLS   Side `json:"tls"`
	// Ended is when the old process had ended, in seconds from the event on; nil:
	// it had not when we stopped watching.
	Ended *float64 `json:"old_process_ended"`
	// Left is how many connections with clients it had then.
	Left int `json:"old_process_connections"`
}

// SidePercents are those of Side.Away.
var SidePercents = [3]int{50, 99, 100}

// Side is what became of the clients with TLS, or of those without.
type Side struct {
	Clients int         `json:"clients"` // that were subscribed at the event
	Closes  map[int]int `json:"closes"`  // by code
	Hit     int         `json:"hit"`     // clients that were away
	// Away is for how long SidePercents of those hit were, in seconds; nil: we did not
	// see the end of it.
	Away [3]*float64 `json:"away"`
	Lost int         `json:"lost"` // clients that are still away in the end
	// Deliveries are those of the numbered events.
	Deliveries Deliveries `json:"deliveries"`
}

// upgradeMeasures are the rows that a table has besides then.
var upgradeMeasures = []measure{
	ofUpgrade("plain clients / closed, by code", func(u *Upgrade) string { return u.Plain.closed() }),
	ofUpgrade("50 / 99 / 100 % of those hit were away for", func(u *Upgrade) string { return u.Plain.away() }),
	ofUpgrade("deliveries that plain clients missed", func(u *Upgrade) string { return u.Plain.Deliveries.missed() }),
	ofUpgrade("clients with TLS / closed, by code", func(u *Upgrade) string { return u.TLS.closed() }),
	ofUpgrade("50 / 99 / 100 % of those with TLS were away for", func(u *Upgrade) string { return u.TLS.away() }),
	ofUpgrade("the old process has ended after", func(u *Upgrade) string { return second(u.Ended) }),
	ofUpgrade("connections of clients that it still has", func(u *Upgrade) string { return fmt.Sprint(u.Left) }),
}

func ofUpgrade(title string, cell func(*Upgrade) string) measure {
	return measure{title, func(c *Case) string {
		if c.Upgrade == nil {
			return nothing
		}
		return cell(c.Upgrade)
	}}
}

func (d Deliveries) missed() string { return fmt.Sprintf("%d of %d", d.Missed, d.Due) }

func (s *Side) closed() string { return fmt.Sprintf("%d / %s", s.Clients, byCode(s.Closes)) }

func (s *Side) away() string { return inSeconds("%.3f", s.Away, nothing) }
