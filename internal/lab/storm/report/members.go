package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What Scenario.Shows can be.
const (
	ShowsDrained = "drained" // the clients on the node that is drained
	ShowsFullest = "fullest" // the connections of the node that has the most
)

// Members is what is measured where several Fermatas stand side by side. Times
// are in seconds from the event on, or from the first client on where the
// scenario shows the fullest node.
type Members struct {
	Cap int `json:"max_connections"` // of each node; 0: none
	// Most are the WebSocket connections of a node at any time: clients, those that
	// are not subscribed yet, and the members' checks. MostOpen are its TCP
	// connections, plain requests and our own questions, too. Both are the node's
	// own counts.
	Most     int `json:"most"`
	MostOpen int `json:"most_open"`
	// Known is after how long all members knew of the drain, and Undone of the
	// undrain after it; nil: not while we looked.
	Known  *float64 `json:"known"`
	Undone *float64 `json:"undone"`
	// Rate is the drain's; 0: there was none.
	Rate int `json:"rate"`
	// Left is how many clients the node had when the drain was said to be over.
	Left    int       `json:"left"`
	Marks   []Mark    `json:"marks"`
	Loads   []Load    `json:"loads"`
	Traffic []Traffic `json:"redis"` // nil: not measured
}

// Mark is something that happened.
type Mark struct {
	T    float64 `json:"t"`
	What string  `json:"what"`
}

// Load is how many clients each node has; the first one is that which is drained.
type Load struct {
	T       float64 `json:"t"`
	Clients []int   `json:"clients"`
}

// Traffic is what Redis gets, from all members together.
type Traffic struct {
	When     string             `json:"when"`
	Commands map[string]float64 `json:"commands_per_second"`
	In       float64            `json:"bytes_in_per_second"`
	Out      float64            `json:"bytes_out_per_second"`
}

// Shown is the number of a load that the scenario shows.
func (s Scenario) Shown(l Load) int {
	if s.Shows == ShowsFullest {
		return slices.Max(l.Clients)
	}
	return l.Clients[0]
}

// memberMeasures are the rows that a table has besides where several Fermatas
// stand side by side.
var memberMeasures = []measure{
	ofDrain("all members know of the drain after", func(m *Members) string { return second(m.Known) }),
	ofDrain("clients that leave the node in a second, asked for", func(m *Members) string { return fmt.Sprint(m.Rate) }),
	ofDrain("and measured, from one event to the next", (*Members).rates),
	ofDrain("the node is empty after", func(m *Members) string { return second(m.emptied()) }),
	ofDrain("drain --wait returns after", func(m *Members) string { return second(m.when(MarkDrained)) }),
	ofDrain("clients on the node then, which its restart cuts", func(m *Members) string { return fmt.Sprint(m.Left) }),
	ofDrain("all members know of the undrain after", func(m *Members) string { return second(m.Undone) }),
	ofCap("max_connections of a node", func(m *Members) int { return m.Cap }),
	ofCap("WebSocket connections of a node at once, at most", func(m *Members) int { return m.Most }),
	ofCap("TCP connections of a node at once, at most", func(m *Members) int { return m.MostOpen }),
	ofRedis("commands a second, from all members", Traffic.commands),
	ofRedis("KB a second that it gets", func(t Traffic) float64 { return t.In / 1000 }),
	ofRedis("KB a second that it sends", func(t Traffic) float64 { return t.Out / 1000 }),
}

func ofDrain(title string, cell func(*Members) string) measure {
	return measure{title, func(c *Case) string {
		if c.Members.Rate == 0 {
			return nothing
		}
		return cell(c.Members)
	}}
}

func ofCap(title string, clients func(*Members) int) measure {
	return measure{title, func(c *Case) string {
		if c.Members.Cap == 0 {
			return nothing
		}
		return fmt.Sprint(clients(c.Members))
	}}
}

// ofRedis is "12.0 at rest, 13.0 in the drain".
func ofRedis(title string, of func(Traffic) float64) measure {
	return measure{"Redis: " + title, func(c *Case) string {
		var parts []string
		for _, t := range c.Members.Traffic {
			parts = append(parts, fmt.Sprintf("%.1f %s", of(t), t.When))
		}
		return cmp.Or(strings.Join(parts, ", "), nothing)
	}}
}

// MarkDrained is that the drain was said to be over.
const MarkDrained = "drain --wait returns"

func second(at *float64) string {
	if at == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *at)
}

// when is when something happened.
func (m *Members) when(what string) *float64 {
	i := slices.IndexFunc(m.Marks, func(mark Mark) bool { return mark.What == what })
	if i < 0 {
		return nil
	}
	return &m.Marks[i].T
}

// emptied is when the node had no clients any more; nil: not before the drain was
// said to be over, and the node was restarted.
func (m *Members) emptied() *float64 {
	if m.Left > 0 {
		return nil
	}
	for _, l := range m.Loads {
		if l.T > 0 && l.Clients[0] == 0 {
			return &l.T
		}
	}
	return nil
}

// settling is what is left out after each event, and half of it before the next
// one: what they do themselves.
const settling = 1.0

// rates are those at which clients leave the node, between two events of the drain.
func (m *Members) rates() string {
	var rates []string
	for i, mark := range m.Marks {
		if mark.What == MarkDrained {
			break
		}
		until := m.Loads[len(m.Loads)-1].T
		if i+1 < len(m.Marks) {
			until = m.Marks[i+1].T
		}
		rates = append(rates, m.rate(mark.T+settling, until-settling/2))
	}
	return strings.Join(rates, " / ")
}

// rate is "-" where too little was seen.
func (m *Members) rate(from, until float64) string {
	var first, last *Load
	for i := range m.Loads {
		if l := &m.Loads[i]; l.T >= from && l.T <= until && l.Clients[0] > 0 {
			if first == nil {
				first = l
			}
			last = l
		}
	}
	if first == nil || last.T-first.T < 1 {
		return nothing
	}
	return fmt.Sprintf("%.0f", float64(first.Clients[0]-last.Clients[0])/(last.T-first.T))
}

func (t Traffic) commands() (all float64) {
	for _, n := range t.Commands {
		all += n
	}
	return all
}
