package admintest

import (
	"fmt"
	"time"

	"fermata/internal/admin"
)

// Roll is what was set.
func (c *Control) Roll() admin.Roll {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roll
}

// SetRoll knows its nodes, and who runs it.
func (c *Control) SetRoll(roll admin.Roll) (admin.Roll, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.decides(roll.Local, roll.Fence); err != nil {
		return admin.Roll{}, err
	}
	for _, name := range roll.Nodes {
		if c.find(name) == nil {
			return admin.Roll{}, fmt.Errorf("%w: %q", admin.ErrUnknownNode, name)
		}
	}
	if err := c.take(&roll); err != nil {
		return admin.Roll{}, err
	}
	c.roll = roll
	roll.Warning = c.Warning
	return roll, nil
}

// take gives the roll its number and its lease.
func (c *Control) take(roll *admin.Roll) error {
	now := time.Now()
	roll.Local, roll.Until = false, time.Time{}
	if len(roll.Nodes) == 0 {
		*roll = admin.Roll{}
		return nil
	}
	if begins := roll.Fence == 0; begins && c.roll.Runner != roll.Runner && now.Before(c.roll.Until) {
		return fmt.Errorf("%w: another roll is run by %s", admin.ErrRefused, c.roll.Runner)
	} else if begins && roll.Runner != "" {
		c.fences++
		roll.Fence = c.fences
	}
	if roll.Runner != "" {
		roll.Until = now.Add(admin.RollLease)
	}
	return nil
}

// TakeRoll has somebody else run the roll from now on.
func (c *Control) TakeRoll(runner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fences++
	c.roll.Runner, c.roll.Fence, c.roll.Until = runner, c.fences, time.Now().Add(admin.RollLease)
}

// decides is nil when a decision may be made. mu is held.
func (c *Control) decides(local bool, fence uint64) error {
	if c.Cluster != nil && c.Cluster.Away != "" && !local {
		return fmt.Errorf("%w: %s", admin.ErrAway, c.Cluster.Away)
	}
	if fence == 0 || fence == c.roll.Fence {
		return nil
	}
	if c.Lost != nil {
		c.Lost()
	}
	if len(c.roll.Nodes) == 0 {
		return fmt.Errorf("%w: it was ended", admin.ErrRollLost)
	}
	return fmt.Errorf("%w: it is run by %s now", admin.ErrRollLost, c.roll.Runner)
}
