// Package admin is the way into a running Fermata: the JSON API with its
// dashboard, and the client that the command line uses.
package admin

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Control is what the API can see and do; the running Fermata is it. Its
// methods may be called concurrently.
type Control interface {
	// Nodes are all of them: in a cluster with the numbers of all members, or with
	// local with this one's own.
	Nodes(local bool) NodeList
	// Drain errors with ErrUnknownNode, ErrRefused, ErrRollLost or ErrAway.
	Drain(node string, request DrainRequest) (Node, error)
	// Undrain errors with ErrUnknownNode, ErrRollLost or ErrAway.
	Undrain(node string, request UndrainRequest) (Node, error)
	// Reload errors with what is wrong in the file; then nothing has changed.
	Reload() (Reloaded, error)
	// Explain says which node a client would get now; it takes no place there.
	// Either may be missing: the zero Addr, the empty string. The cookie is the
	// value of the pin's cookie, or a whole Cookie header.
	Explain(ip netip.Addr, cookie string) Explanation
	// Roll is the one that has been begun and not ended.
	Roll() Roll
	// SetRoll begins one, when its Fence is 0; goes on with the one that has the
	// Fence; or ends it, when it has no nodes: whoever runs it, when Fence is 0. It
	// errors with ErrUnknownNode, ErrRefused while somebody else runs one,
	// ErrRollLost or ErrAway.
	SetRoll(Roll) (Roll, error)
	// Upgrade has another process take the place of this one. It errors with ErrRefused
	// or ErrNotUpgraded.
	Upgrade(UpgradeRequest) (Upgraded, error)
	// Rebalance errors with ErrRefused or ErrAway.
	Rebalance(RebalanceRequest) (Rebalance, error)
	// Ready is false with no usable node, and while Fermata stops. Nodes that are
	// full count as usable, unless another member of the cluster has room.
	Ready() bool
}

// Errors of Control that have a status of their own. Their text is for people.
var (
	ErrUnknownNode = errors.New("no such node")
	ErrRefused     = errors.New("refused")
	// ErrRollLost is for a step of a roll that was ended, or is run by somebody
	// else now.
	ErrRollLost = errors.New("the roll is not run from here any more")
	// ErrAway is for what all members of a cluster must know, and cannot.
	ErrAway = errors.New("the cluster's Redis cannot be reached")
)

// Node is a node as the API shows it.
type Node struct {
	Name           string `json:"name"`
	URL            string `json:"url"`
	Health         string `json:"health"` // up or down
	Reason         string `json:"reason"` // why it is that
	State          string `json:"state"`  // ready, draining or drained
	Connections    int    `json:"connections"`
	MaxConnections int    `json:"max_connections"` // 0: no cap
	Weight         int    `json:"weight"`
	Drain          *Drain `json:"drain"` // null while the node is ready
	// Moves is what has become of the clients of a node that has no drain, but was
	// removed from the configuration, or is lost; left out: it is neither.
	Moves *Outcome `json:"moves,omitempty"`
	// Checked is when the last check that passed began; left out: none has.
	Checked time.Time `json:"checked,omitzero"`
	// Discovered is where the node was found, such as dns reverb.default.svc; left
	// out: it is in the configuration itself.
	Discovered string `json:"discovered,omitempty"`
	// Avoided is whether it is still to be drained in a roll.
	Avoided bool `json:"avoided,omitempty"`
	// Apps are the clients that the node has greeted, by the key of their app;
	// those of too many apps stand under other. In what Control.Nodes returns.
	Apps map[string]int `json:"apps,omitempty"`
	// Loop is how many seconds the node took to answer its last check,
	// connecting apart; left out: it did not, or the check asks nothing.
	Loop float64 `json:"loop_seconds,omitempty"`
	// Delivery is up when what is published through other nodes arrives at this
	// one and the other way round, and else down; left out: that is not known. In
	// what Control.Nodes returns.
	Delivery string `json:"delivery,omitempty"`
	// Members are how each member of the cluster has the node; left out: there is
	// no cluster, or only this one was asked for.
	Members []MemberNode `json:"members,omitempty"`
	// Warning is, in the answer to a drain or an undrain, that the other members of the
	// cluster do not know of it yet, or why a restart of Fermata
	// will forget it, and to a drain or its dry run, which nodes would get more
	// clients than they may survive; left out: neither.
	Warning string `json:"warning,omitempty"`
	// Forecast is, in the answer to a dry run, what the drain would make of
	// the nodes that are left.
	Forecast []Load `json:"forecast,omitempty"`
}

// Load is how many clients a node has, and how many it is going to have.
type Load struct {
	Node           string `json:"node"`
	Connections    int    `json:"connections"`
	After          int    `json:"after"`
	MaxConnections int    `json:"max_connections"` // 0: no cap
}

// What Node.Health, Node.Delivery and Node.State can be.
const (
	HealthUp   = "up"
	HealthDown = "down"

	StateReady    = "ready"
	StateDraining = "draining"
	StateDrained  = "drained"
)

// NodeList is the answer of /v1/nodes.
type NodeList struct {
	Nodes   []Node   `json:"nodes"`
	Cluster *Cluster `json:"cluster,omitempty"` // nil: this Fermata is alone
	// Predecessors are processes whose place this one has; the nodes' numbers include
	// theirs.
	Predecessors []Predecessor `json:"predecessors,omitempty"`
	// Certificates are those that a CA issues to this Fermata.
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Certificate is how a domain stands whose certificate a CA issues.
type Certificate struct {
	Domain   string    `json:"domain"`
	NotAfter time.Time `json:"not_after,omitzero"` // zero: there is none yet
	Failures int       `json:"failures,omitempty"` // attempts since the last success
	Reason   string    `json:"reason,omitempty"`   // of the last failure
	Next     time.Time `json:"next,omitzero"`      // attempt, after a failure
}

// Drain is a node's drain, under way or done.
type Drain struct {
	Started   time.Time `json:"started"`
	Begin     time.Time `json:"begin,omitzero"` // of moving clients, behind the grace
	Deadline  time.Time `json:"deadline"`
	Rate      int       `json:"rate"` // clients per second, 0: all at once
	CloseCode int       `json:"close_code"`
	Initial   int       `json:"initial"` // clients when it started
	Remaining int       `json:"remaining"`
	Force     bool      `json:"force,omitempty"`
	Close     bool      `json:"close,omitempty"` // clients with a session are closed, too
	Outcome             // since it started
}

// Left is how long it takes at most: what is left of the grace and what the
// rest takes at the rate, and not longer than until the deadline.
func (d Drain) Left(now time.Time) time.Duration {
	left := d.Deadline.Sub(now)
	if d.Rate > 0 {
		grace := max(d.Begin.Sub(now), 0)
		left = min(left, grace+time.Duration(d.Remaining)*time.Second/time.Duration(d.Rate))
	}
	return max(left, 0).Round(time.Second)
}

// DrainRequest is the body of a drain. What is nil is as the configuration has
// it or, for a node that is draining, as it is. Grace and Deadline count from
// now. A drain that was forced stays so.
type DrainRequest struct {
	Grace     *Duration `json:"grace,omitempty"`
	Rate      *int      `json:"rate,omitempty"`
	Deadline  *Duration `json:"deadline,omitempty"`
	CloseCode *int      `json:"close_code,omitempty"`
	Force     bool      `json:"force,omitempty"`   // whatever that does to the other nodes
	Close     *bool     `json:"close,omitempty"`   // close clients with a session, too; nil for a new drain: move them
	DryRun    bool      `json:"dry_run,omitempty"` // only say whether it would be done
	Local     bool      `json:"local,omitempty"`   // decide it here alone when the cluster's Redis is away
	Fence     uint64    `json:"fence,omitempty"`   // of the roll that this is a step of; 0: of none
}

// UndrainRequest is the body of an undrain.
type UndrainRequest struct {
	Local bool   `json:"local,omitempty"` // decide it here alone when the cluster's Redis is away
	Fence uint64 `json:"fence,omitempty"` // of the roll that this is a step of; 0: of none
}

// Roll is a rolling deploy: the nodes that are still to be drained, in that
// order. They are avoided: they get clients only when no other node can.
type Roll struct {
	Nodes []string `json:"nodes"`
	// Runner is who does it, HOST:PID for fermata roll; nobody else can begin one
	// before Until, which each SetRoll with a Runner sets anew. Empty: nobody runs
	// it, and anybody may begin one in its place.
	Runner string    `json:"runner,omitempty"`
	Until  time.Time `json:"until,omitzero"` // never taken from a request
	// Fence is the number of the roll, which all of its steps carry. It grows with
	// each that begins; 0 in a request begins one.
	Fence uint64 `json:"fence,omitempty"`
	// Local, in a request, decides it here alone when the cluster's Redis is away.
	Local bool `json:"local,omitempty"`
	// Warning is as in Node; it is never in a request.
	Warning string `json:"warning,omitempty"`
}

// RollLease is how long a roll is its runner's after each SetRoll.
const RollLease = 30 * time.Second

// Reloaded is the answer to a reload.
type Reloaded struct {
	// Warnings are what is doubtful in the file, one line each, and served.
	Warnings []string `json:"warnings,omitempty"`
}

// RebalanceRequest is the body of a rebalance.
type RebalanceRequest struct {
	// Skew is how much a node may be above its share: 0.1 for a tenth, which
	// is what nil means.
	Skew *float64 `json:"skew,omitempty"`
	// Rate is how many clients are moved per second, 0: all at once; nil: 20.
	Rate   *int `json:"rate,omitempty"`
	DryRun bool `json:"dry_run,omitempty"` // only say what it would do
	Local  bool `json:"local,omitempty"`   // decide it here alone when the cluster's Redis is away
}

// Rebalance is what a rebalance does, or would do.
type Rebalance struct {
	Clients  int    `json:"clients"` // to be moved
	Rate     int    `json:"rate"`
	Forecast []Load `json:"forecast"`
	// Warning is that the cluster's Redis cannot be reached; left out: it can.
	Warning string `json:"warning,omitempty"`
}

// Explanation says which node a client gets, and why.
type Explanation struct {
	Node   string `json:"node"` // empty: none
	Reason string `json:"reason"`
	// Pick is why in one word, that of the metrics; left out: there is no node.
	Pick string `json:"pick,omitempty"`
	// Preferred is the node that the client's cookie or address names.
	Preferred string `json:"preferred,omitempty"`
	// Network is the part of the client's address that counts.
	Network string `json:"network,omitempty"`
	// Nodes are all of them, in the order in which the client would get them.
	Nodes []Candidate `json:"nodes,omitempty"`
}

// Candidate is a node as the client of an Explanation finds it.
type Candidate struct {
	Node           string `json:"node"`
	Rank           int    `json:"rank,omitempty"`   // by the hash of the client's address, from 1
	Pinned         bool   `json:"pinned,omitempty"` // the client's cookie names it
	Connections    int    `json:"connections"`
	MaxConnections int    `json:"max_connections"` // 0: no cap
	// Bound is how many clients it may have before those without a pin pass it
	// over; left out: there is none, or it takes nobody.
	Bound int `json:"bound,omitempty"`
	// PassedOver is why it is, in the word of the metrics; left out: it can
	// take the client.
	PassedOver string `json:"passed_over,omitempty"`
	Reason     string `json:"reason"` // for people
}

// Event is something that happened, as /v1/events sends it.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // node_up, node_down, node_found, node_gone, panic, panic_over, no_delivery, delivery, redis_away, redis_back, drain, drained, undrain, roll, rebalance, rebalanced, reload, certificate, stopping
	Node    string    `json:"node,omitempty"`
	Message string    `json:"message"`
}

// Duration is a time.Duration that JSON has as text: "10m".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("got %q, want a duration such as 30s or 10m", text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }
