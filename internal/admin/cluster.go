package admin

import (
	"fmt"
	"strings"
	"time"
)

// Cluster is the cluster that a Fermata is in, as this one knows it.
type Cluster struct {
	Name   string `json:"name"`
	Member string `json:"member"` // this one's name
	// Away is why the cluster's Redis cannot be reached, and Since since when: what
	// the other members have is as it was then. Left out: it can be reached.
	Away    string    `json:"away,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Members []Member  `json:"members"` // that live, this one too
}

// Member is one Fermata of a cluster.
type Member struct {
	Name     string    `json:"name"`
	ID       string    `json:"id"` // another one after each start
	Version  string    `json:"version"`
	Clients  int       `json:"clients"`
	Ready    bool      `json:"ready"`
	Stopping bool      `json:"stopping,omitempty"`
	Started  time.Time `json:"started"`
	Self     bool      `json:"self,omitempty"` // it is the one that was asked
}

// MemberNode is a node as one member of the cluster has it.
type MemberNode struct {
	Member      string `json:"member"` // its name
	ID          string `json:"id"`     // as in Member
	Health      string `json:"health"` // up or down
	Reason      string `json:"reason,omitempty"`
	State       string `json:"state"`
	Connections int    `json:"connections"`
	// Checked is as in Node, by the member's clock.
	Checked time.Time `json:"checked,omitzero"`
}

// HealthText is the node's health for people: where members differ, with how many
// have it up, such as "up 2/3".
func (n Node) HealthText() string {
	if n.UpEverywhere() || n.upOn() == 0 {
		return n.Health
	}
	return fmt.Sprintf("up %d/%d", n.upOn(), len(n.Members))
}

// ReasonText is the node's reason for people, with where it was found.
func (n Node) ReasonText() string {
	if n.Discovered == "" || strings.Contains(n.Reason, n.Discovered) {
		return n.Reason
	}
	return n.Reason + " (found by " + n.Discovered + ")"
}

// UpEverywhere is whether it is up, on every member of a cluster.
func (n Node) UpEverywhere() bool { return n.Health == HealthUp && n.upOn() == len(n.Members) }

func (n Node) upOn() (members int) {
	for _, m := range n.Members {
		if m.Health == HealthUp {
			members++
		}
	}
	return members
}
