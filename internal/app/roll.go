package app

import (
	"fmt"
	"strings"

	"fermata/internal/admin"
)

// Roll implements admin.Control.
func (a *App) Roll() admin.Roll {
	return admin.Roll{Nodes: a.pool.Avoided()}
}

// SetRoll implements admin.Control.
func (a *App) SetRoll(roll admin.Roll) (admin.Roll, error) {
	save, err := a.setRoll(roll)
	if err != nil {
		return admin.Roll{}, err
	}
	roll.Warning = a.saved("roll", save)
	return roll, nil
}

func (a *App) setRoll(roll admin.Roll) (save func() error, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range roll.Nodes {
		if _, err := a.pool.Node(name); err != nil {
			return nil, controlError(err)
		}
	}
	if len(roll.Nodes) > 0 || len(a.pool.Avoided()) > 0 {
		a.pool.Avoid(roll.Nodes)
		a.tell("roll", "", rollText(roll.Nodes))
	}
	return a.state.roll.snapshot(roll.Nodes), nil
}

func rollText(nodes []string) string {
	if len(nodes) == 0 {
		return "ended"
	}
	return fmt.Sprintf("still to be drained: %s", strings.Join(nodes, ", "))
}
