package moves

import (
	"time"

	"fermata/internal/pusher"
)

// DrainOptions are the drain's settings where a request does not give its own.
type DrainOptions struct {
	// Grace is how long clients are left alone at first.
	Grace time.Duration `yaml:"grace"`
	// Rate is how many clients are moved per second; 0: all at once.
	Rate int `yaml:"rate"`
	// Deadline is when the last client is gone, counted from the start.
	Deadline time.Duration `yaml:"deadline"`
	// CloseCode is what a client is closed with. pusher-js comes back at once
	// on 4200–4299, after a second on 4100–4199, 1000, 1001, 1012 and 1013,
	// and never on the others of 4000–4999.
	CloseCode int `yaml:"close_code"`
	// MinUsable is how many usable nodes a drain must leave, unless it is
	// forced; at least 1.
	MinUsable int `yaml:"min_usable"`
}

// RebalanceOptions say when clients are moved from the fullest nodes to the
// emptiest without anybody asking for it. That is once at most for each time
// that nodes come back or are added, and with the pin by cookie only.
type RebalanceOptions struct {
	Auto bool `yaml:"auto"`
	// After is how long nothing must have happened to any node.
	After time.Duration `yaml:"after"`
	// Skew is how far above its weight's share of the clients a node must be,
	// 0.3 for three tenths, and above what StickyOptions.BoundedLoad allows.
	Skew float64 `yaml:"skew"`
	// MinClients is how many clients would have to move, at least.
	MinClients int `yaml:"min_clients"`
	// Rate is how many clients are moved per second; 0: all at once.
	Rate int `yaml:"rate"`
}

// DefaultDrain is what a configuration without a drain section means.
func DefaultDrain() DrainOptions {
	return DrainOptions{Rate: 100, Deadline: 10 * time.Minute, CloseCode: pusher.CodeMove, MinUsable: 1}
}

// DefaultRebalance is what a configuration without a rebalance section means.
func DefaultRebalance() RebalanceOptions {
	return RebalanceOptions{Auto: true, After: time.Minute, Skew: 0.3, MinClients: 10, Rate: 5}
}
