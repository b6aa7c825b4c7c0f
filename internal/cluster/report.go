package cluster

import (
	"time"
)

// Report is what a member says of itself at each beat.
type Report struct {
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Version  string                `json:"version,omitempty"`
	Started  time.Time             `json:"started"` // Redis's clock
	Seq      uint64                `json:"seq"`     // grows with each
	At       int64                 `json:"at"`      // ms since 1970, Redis's clock
	Seen     Stamp                 `json:"seen"`    // of the newest decision that it acts by
	Clients  int                   `json:"clients"`
	Ready    bool                  `json:"ready,omitempty"`
	Room     bool                  `json:"room,omitempty"` // it can take a client
	Stopping bool                  `json:"stopping,omitempty"`
	Gone     bool                  `json:"gone,omitempty"` // it is the last one
	Nodes    map[string]NodeReport `json:"nodes,omitempty"`
}

// NodeReport is a node as one member has it.
type NodeReport struct {
	Connections int    `json:"connections,omitempty"`
	Requests    int    `json:"requests,omitempty"` // plain ones that it has now
	Up          bool   `json:"up,omitempty"`
	Reason      string `json:"reason,omitempty"` // only when down
	// Checked is by the member's clock: by that of Redis, each beat would have it a little
	// different.
	Checked Moment         `json:"checked,omitempty"`
	Asked   int            `json:"asked,omitempty"`  // upgrades that wanted it, ever, whether it was full or not
	Moved   int            `json:"moved,omitempty"`  // of the drain under way
	Closed  map[string]int `json:"closed,omitempty"` // of the drain under way, by outcome
	Cap     int            `json:"cap,omitempty"`    // max_connections in this member's configuration; 0: none
}

func (n NodeReport) used() int { return n.Connections + n.Requests }

// Moment is a time in ms since 1970, which takes less room than as text; 0: none.
type Moment int64

// MomentOf is none for the zero time.
func MomentOf(t time.Time) Moment {
	if t.IsZero() {
		return 0
	}
	return Moment(t.UnixMilli())
}

// Time is zero for none.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}
