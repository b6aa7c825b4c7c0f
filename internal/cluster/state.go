package cluster

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"fermata/balancer"
)

// State is what all members share. Clone it before a change. The zero value is
// that nothing was decided yet.
type State struct {
	Version   uint64              `json:"version"` // grows with each write
	Nodes     map[string]Decision `json:"nodes,omitempty"`
	Roll      Roll                `json:"roll,omitzero"`
	Rebalance Rebalance           `json:"rebalance,omitzero"`
	// Quotas are how many clients a member may have on a node, by node and member id.
	Quotas map[string]map[string]int `json:"quotas,omitempty"`
}

// Decision is the newest about a node.
type Decision struct {
	Stamp Stamp           `json:"stamp"`
	Drain *balancer.Drain `json:"drain,omitempty"` // nil: undrained; its times are Redis's
	From  string          `json:"from,omitempty"`  // the member's name
}

// Roll is the one under way; without Nodes and Runner there is none.
type Roll struct {
	Stamp  Stamp     `json:"stamp"`
	Nodes  []string  `json:"nodes,omitempty"` // that are left
	Runner string    `json:"runner,omitempty"`
	Fence  uint64    `json:"fence,omitempty"`
	Until  time.Time `json:"until,omitzero"` // Redis's; the runner's lease
	From   string    `json:"from,omitempty"`
}

// Rebalance is the newest that was begun.
type Rebalance struct {
	Stamp   Stamp          `json:"stamp"`
	Clients map[string]int `json:"clients,omitempty"` // of all members, to shed, by node
	Rate    int            `json:"rate,omitempty"`
	Unasked bool           `json:"unasked,omitempty"`
	From    string         `json:"from,omitempty"`
}

// Clone is a copy that shares nothing which a change would change. What a
// Decision's Drain points to is never changed, but replaced.
func (s State) Clone() State {
	s.Nodes = maps.Clone(s.Nodes)
	s.Roll.Nodes = slices.Clone(s.Roll.Nodes)
	s.Rebalance.Clients = maps.Clone(s.Rebalance.Clients)
	s.Quotas = maps.Clone(s.Quotas)
	for node, members := range s.Quotas {
		s.Quotas[node] = maps.Clone(members)
	}
	return s
}

// merge takes in what is newer in o: of decisions by their stamps, whichever
// state has more versions; of quotas by that, o's if both have as many. Decisions
// of long ago count only in the one with more versions: the other may not know
// that they were undone.
func (s *State) merge(o State, now time.Time) {
	if o.Version < s.Version {
		o = o.Clone()
		o.drop(now, whatever)
	} else if o.Version > s.Version {
		s.drop(now, whatever)
	}
	for node, theirs := range o.Nodes {
		if ours, known := s.Nodes[node]; !known || theirs.Stamp.After(ours.Stamp) {
			s.set(node, theirs)
		}
	}
	if o.Roll.Stamp.After(s.Roll.Stamp) {
		s.Roll = o.Roll
	}
	if o.Rebalance.Stamp.After(s.Rebalance.Stamp) {
		s.Rebalance = o.Rebalance
	}
	if o.Version >= s.Version {
		s.Version, s.Quotas = o.Version, o.Quotas
	}
	s.forget(now)
}

func (s *State) set(node string, d Decision) {
	if s.Nodes == nil {
		s.Nodes = make(map[string]Decision)
	}
	s.Nodes[node] = d
}

// same tells whether both say the same, whatever their versions. Both are normal.
func (s State) same(o State) bool {
	s.Version = o.Version
	return reflect.DeepEqual(s, o)
}

// normal is s as those have it who read it.
func (s State) normal() State {
	s, err := decode(encode(s))
	if err != nil {
		panic(err) // what was just encoded
	}
	return s
}

func decode(body []byte) (s State, err error) {
	err = json.Unmarshal(body, &s)
	return s, err
}

// newest is the last decision's stamp.
func (s State) newest() Stamp {
	last := s.Roll.Stamp
	if s.Rebalance.Stamp.After(last) {
		last = s.Rebalance.Stamp
	}
	for _, d := range s.Nodes {
		if d.Stamp.After(last) {
			last = d.Stamp
		}
	}
	return last
}

// undrainedFor is how long it is remembered that a node is not drained: as long
// as a member may have been away that still thinks it is.
const undrainedFor = 7 * 24 * time.Hour

// forget drops nodes that were undrained long ago.
func (s *State) forget(now time.Time) {
	s.drop(now, func(d Decision) bool { return d.Drain == nil })
}

func whatever(Decision) bool { return true }

// drop drops decisions of long ago.
func (s *State) drop(now time.Time, which func(Decision) bool) {
	before := now.Add(-undrainedFor).UnixMilli()
	maps.DeleteFunc(s.Nodes, func(_ string, d Decision) bool { return d.Stamp.At < before && which(d) })
	if len(s.Nodes) == 0 {
		s.Nodes = nil // as those have it who read it
	}
}
