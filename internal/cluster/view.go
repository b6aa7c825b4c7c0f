package cluster

import "time"

// View is what a member knows at a moment. It is never changed.
type View struct {
	Self    string   // this member's id
	State   State    // not to be changed; Decide does
	Members []Report // that live, by name and id; this one is among them, with its newest report
	// Processes is that the members are no cluster: they are processes of which one takes
	// the place of the others.
	Processes bool
	Away      error         // why Redis cannot be reached; nil: it can
	Since     time.Time     // of Away, by this machine's clock
	Offset    time.Duration // Redis's clock − this machine's

	quotas   map[string]int     // what this member may use of its own
	upgrades map[string]float64 // this member's share of them, by node
}

// Quota is how many clients this member may have on a node with a cap. It is not
// known before the cluster was met, nor for nodes without a cap.
func (v View) Quota(node string) (clients int, ok bool) {
	clients, ok = v.quotas[node]
	return clients, ok
}
