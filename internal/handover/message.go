package handover

import (
	"encoding/json"
	"time"

	"fermata/internal/cluster"
)

// What the two say, in this order. A successor begins with KindTakeOver, and a
// predecessor that has lost its successor with KindFollow.
const (
	KindTakeOver = "take over" // successor: Hello. It may have the listeners?
	KindFollow   = "follow"    // a former predecessor: Hello. It looks for who serves now.
	KindWelcome  = "welcome"   // who serves: Welcome, with the listening sockets
	KindRefused  = "refused"   // who serves: Refusal. Nothing has changed.
	KindReady    = "ready"     // successor: Ready. It can serve.
	KindYours    = "yours"     // predecessor: Yours. It accepts nobody from now on.

	KindClients = "clients" // predecessor: Batch, with two descriptors a client
	KindHave    = "have"    // successor: Have. It relays none of them yet.
	KindGo      = "go"      // predecessor: it has forgotten those that the successor has
	KindReport  = "report"  // predecessor: Report, often
	KindDecided = "decided" // successor: Decided, often
	KindIDs     = "ids"     // predecessor: IDs
	KindHeard   = "heard"   // successor: it knows these IDs
	KindMetrics = "metrics" // successor: it wants to know them; predecessor: Metrics
	KindReload  = "reload"  // successor: the configuration has changed
	KindStop    = "stop"    // successor: it was told to stop, and so are you
	KindLeave   = "leave"   // successor: Leave. It has a successor itself, which you are to follow.
	KindDone    = "done"    // predecessor: Metrics, its last. It has no clients left and ends.
)

// Hello is what somebody says of itself.
type Hello struct {
	Protocol int    `json:"protocol"` // Version
	Fermata  string `json:"fermata"`  // its version
	PID      int    `json:"pid"`
}

// Welcome is what a predecessor says to its successor.
type Welcome struct {
	Hello
	// Sockets are what its files are, in their order: addresses of listen and
	// admin.address as the configuration writes them, and Lock and Upgrade.
	Sockets []Socket `json:"sockets"`
	// Found are the nodes that were found, as state_dir has them.
	Found json.RawMessage `json:"found,omitempty"`
	// State is what is decided of nodes, and Down which of them are, with the reason.
	State cluster.State     `json:"state"`
	Down  map[string]string `json:"down,omitempty"`
}

// Socket is a descriptor that is passed.
type Socket struct {
	What    string `json:"what"` // one of the constants below
	Address string `json:"address,omitempty"`
	Path    string `json:"path,omitempty"` // of the file that goes with it, see Gate; empty: none does
}

// What a Socket can be.
const (
	Clients  = "clients"   // a listener
	Admin    = "admin"     // the admin endpoint's
	Upgrade  = "upgrade"   // where successors come
	StateDir = "state_dir" // the locked file in it
)

// Ready is what a successor needs of its predecessor from then on.
type Ready struct {
	Socket string   `json:"socket,omitempty"` // where it is found; empty: where its predecessor was
	Left   []Socket `json:"left,omitempty"`   // that it does not want: the predecessor closes them
}

// Yours is what a predecessor leaves.
type Yours struct {
	Report
	State *cluster.State `json:"state"` // what it has decided until then; nil: what it said in Welcome
}

// Refusal is why there is no take-over.
type Refusal struct {
	Reason string `json:"reason"`
}

// Report is what a predecessor says of itself.
type Report struct {
	cluster.Report
	Clients int       `json:"relayed"`        // that it relays or lets in
	Staying int       `json:"staying"`        // of those, who cannot be handed over, and are moved
	Until   time.Time `json:"until,omitzero"` // when the last of them is; zero: nobody is moved
	// Claims are how many clients it may have on nodes with max_connections, by node.
	// They only get fewer.
	Claims map[string]int `json:"claims,omitempty"`
}

// Decided is what the successor tells its predecessors.
type Decided struct {
	State   cluster.State    `json:"state"`
	Reports []cluster.Report `json:"reports"` // of all, the successor's with them
	Socket  string           `json:"socket"`  // where the successor is found
}

// Leave says where the next one is found.
type Leave struct {
	Socket string `json:"socket,omitempty"` // empty: where this one was
}

// Batch are clients that are on their way.
type Batch struct {
	Number int               `json:"number"`
	States []json.RawMessage `json:"states"`
}

// Have is what has become of a batch at the successor.
type Have struct {
	Number  int            `json:"number"`
	Refused map[int]string `json:"refused,omitempty"` // by their place in it, with the reason
}

// Go ends a batch.
type Go struct {
	Number int  `json:"number"`
	Kept   bool `json:"kept,omitempty"` // the predecessor relays them itself
}

// IDs are clients of the predecessor that have moved, as members of a cluster tell
// each other.
type IDs struct {
	cluster.Said
	Answer bool `json:"answer,omitempty"` // it waits for KindHeard
}

// Metrics are what a process has counted.
type Metrics struct {
	Families []byte `json:"families"` // as metrics.Expose writes them
}
