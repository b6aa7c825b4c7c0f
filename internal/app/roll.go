package app

import (
	"fmt"
	"strings"
	"time"

	"fermata/internal/admin"
	"fermata/internal/cluster"
)

// Roll implements admin.Control.
func (a *App) Roll() admin.Roll { return rollOf(a.council.View()) }

func rollOf(v cluster.View) admin.Roll {
	r := v.State.Roll
	roll := admin.Roll{Nodes: r.Nodes, Runner: r.Runner, Fence: r.Fence}
	if !r.Until.IsZero() {
		roll.Until = r.Until.Add(-v.Offset)
	}
	return roll
}

// SetRoll implements admin.Control.
func (a *App) SetRoll(roll admin.Roll) (admin.Roll, error) {
	err := a.decide(roll.Local, func(v cluster.View, s *cluster.State) error {
		for _, name := range roll.Nodes {
			if _, err := a.pool.Node(name); err != nil {
				return err
			}
		}
		next, err := a.nextRoll(s.Roll, roll)
		next.From, s.Roll = selfName(v), next
		return err
	})
	if err != nil {
		return admin.Roll{}, err
	}
	set := a.Roll()
	set.Warning = both(a.savedRoll(), a.toldLater())
	return set, nil
}

// nextRoll is what becomes of the roll now. Whoever begins one, or ends another's,
// gets a new fence, so that the runner before can do nothing more.
func (a *App) nextRoll(now cluster.Roll, asked admin.Roll) (cluster.Roll, error) {
	if err := mayAct(now, asked.Fence); err != nil {
		return now, err
	}
	stamp := a.council.Stamp()
	next := cluster.Roll{Stamp: stamp, Nodes: asked.Nodes, Fence: max(now.Fence, asked.Fence)}
	if len(asked.Nodes) > 0 && asked.Runner != "" {
		next.Runner, next.Until = asked.Runner, a.council.Now().Add(admin.RollLease)
	}
	if asked.Fence != 0 {
		return next, nil
	}
	if len(asked.Nodes) > 0 && now.Runner != asked.Runner && a.council.Now().Before(now.Until) {
		return now, fmt.Errorf("%w: another roll is run by %s, which was heard of %s ago", admin.ErrRefused, now.Runner,
			a.council.Now().Add(admin.RollLease).Sub(now.Until).Round(time.Second))
	}
	next.Fence = stamp.Fence(now.Fence)
	return next, nil
}

// mayAct refuses what a runner asks for whose roll is no longer its own; 0 is
// nobody's who runs one. Fences grow: one above what is known is that of a roll that
// a restart has forgotten, and none has begun since.
func mayAct(now cluster.Roll, fence uint64) error {
	switch {
	case fence == 0 || fence >= now.Fence:
		return nil
	case now.Runner == "":
		return fmt.Errorf("%w: it was ended by somebody else", admin.ErrRollLost)
	}
	return fmt.Errorf("%w: it was taken over by %s", admin.ErrRollLost, now.Runner)
}

func rollText(nodes []string) string {
	if len(nodes) == 0 {
		return "ended"
	}
	return fmt.Sprintf("still to be drained: %s", strings.Join(nodes, ", "))
}
