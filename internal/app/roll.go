package app

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"fermata/internal/admin"
)

// Roll implements admin.Control.
func (a *App) Roll() admin.Roll {
	a.mu.Lock()
	defer a.mu.Unlock()
	return admin.Roll{Nodes: a.roll}
}

// SetRoll implements admin.Control.
func (a *App) SetRoll(roll admin.Roll) (admin.Roll, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range roll.Nodes {
		if _, err := a.pool.Node(name); err != nil {
			return admin.Roll{}, controlError(err)
		}
	}
	if len(roll.Nodes) == 0 && len(a.roll) == 0 {
		return roll, nil
	}
	a.roll = roll.Nodes
	a.pool.Avoid(a.roll)
	if err := a.rolls.save(a.roll); err != nil {
		a.log.Error("a restart will forget the roll", zap.NamedError("err", err))
	}
	a.tell("roll", "", rollText(a.roll))
	return roll, nil
}

func rollText(nodes []string) string {
	if len(nodes) == 0 {
		return "ended"
	}
	return fmt.Sprintf("still to be drained: %s", strings.Join(nodes, ", "))
}

// restoreRoll takes up the roll of the time before a restart.
func (a *App) restoreRoll() {
	nodes, err := a.rolls.load()
	if err != nil {
		a.log.Error("roll not restored", zap.NamedError("err", err))
		return
	}
	a.roll = nodes
	a.pool.Avoid(nodes)
}
