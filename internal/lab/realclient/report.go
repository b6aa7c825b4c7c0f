package realclient

import "testing"

// Report is what a client knows at one moment.
type Report struct {
	Socket    string              // the id that an app puts into X-Socket-ID, to exclude the sender of an event
	Views     map[string][]string // the users of each presence channel
	Sequences []Sequence
}

// Sequence is what has come of numbered events, or whispers, of one sender.
type Sequence struct {
	Channel string
	Event   string // as pusher-js has it: "client-typed"
	From    string

	First, Last int
	Count       int
	Missed      int // between First and Last
	Twice       int
	Late        int // after one with a higher number
}

// IsWhole is whether all came once, in order, from the first to the last of
// these numbers.
func (s Sequence) IsWhole(first, last int) bool {
	return s.First == first && s.Last == last && s.Count == last-first+1 && s.Missed == 0 && s.Twice == 0 && s.Late == 0
}

// Report asks each client for a report, and waits for all.
func (c *Clients) Report(t testing.TB) []Report {
	t.Helper()
	before := c.Wait(t, "at once what was reported before", func([]Client) bool { return true })
	for i := range before {
		c.run(t, command{Do: "report", Client: i})
	}
	all := c.Wait(t, "a report of each client", func(all []Client) bool {
		for i := range all {
			if all[i].reports == before[i].reports {
				return false
			}
		}
		return true
	})
	reports := make([]Report, len(all))
	for i := range all {
		reports[i] = all[i].report
	}
	return reports
}
