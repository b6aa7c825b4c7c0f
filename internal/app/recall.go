package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/pusher"
)

// remembered is what was known before a restart.
type remembered struct {
	drains map[string]balancer.Drain // by node
	roll   []string
	found  map[string]foundNodes // by the entry of the configuration
}

// recall reads what was remembered. What no command could have set is left out
// and logged; the rest counts.
func (a *App) recall() remembered {
	now := time.Now()
	otherwise := newDrain(admin.DrainRequest{}, nil, a.config.Drain, now)
	var m remembered
	read(a, &a.state.drains, "drains not restored", func(all map[string]json.RawMessage, refuse refusal) {
		m.drains = recallDrains(all, otherwise, now, refuse)
	})
	read(a, &a.state.roll, "roll not restored", func(all []json.RawMessage, refuse refusal) { m.roll = recallRoll(all, refuse) })
	m.roll = a.stillThere(m.roll)
	read(a, &a.state.found, "found nodes not restored", func(all map[string]json.RawMessage, refuse refusal) { m.found = recallFound(all, refuse) })
	return m
}

// refusal is told the place of a value that is refused, and why it is.
type refusal func(field, reason string)

// read has take look at what a file holds; otherwise is what is logged where it
// cannot.
func read[T any](a *App, f *stateFile, otherwise string, take func(all T, refuse refusal)) {
	text, err := f.read()
	var all T
	if err == nil && text != nil {
		if err = json.Unmarshal(text, &all); err != nil {
			err = fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if err != nil {
		a.log.Error(otherwise, zap.NamedError("err", err))
		return
	}
	take(all, func(field, reason string) {
		a.log.Warn("remembered value refused", zap.String("file", f.path), zap.String("field", field), zap.String("reason", reason))
	})
}

// recallDrains takes the drains of all nodes. One with a value that is refused
// still is a drain, with the configuration's value: the node must get nobody.
func recallDrains(all map[string]json.RawMessage, otherwise balancer.Drain, now time.Time, refuse refusal) map[string]balancer.Drain {
	drains := make(map[string]balancer.Drain)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var fields map[string]json.RawMessage
		switch err := json.Unmarshal(all[name], &fields); {
		case !config.IsNodeName(name):
			refuse(fmt.Sprintf("%.70q", name), "got a name that no node can have")
		case err != nil || fields == nil:
			refuse(name, fmt.Sprintf("got %.40s, want a drain", all[name]))
		default:
			drains[name] = recallDrain(fields, otherwise, now, func(field, reason string) { refuse(name+"."+field, reason) })
		}
	}
	return drains
}

func recallDrain(fields map[string]json.RawMessage, d balancer.Drain, now time.Time, refuse refusal) balancer.Drain {
	soon, last := now.Add(24*time.Hour), now.Add(math.MaxInt64) // another clock may have been ahead
	takeField(fields, "Started", &d.Started, between(time.Unix(0, 0), soon), refuse)
	takeField(fields, "Begin", &d.Begin, between(time.Unix(0, 0), last), refuse)
	takeField(fields, "Deadline", &d.Deadline, between(time.Unix(0, 0), last), refuse)
	takeField(fields, "Rate", &d.Rate, atLeast0, refuse)
	takeField(fields, "CloseCode", &d.CloseCode, pusher.CheckCloseCode, refuse)
	takeField(fields, "Initial", &d.Initial, atLeast0, refuse)
	takeField(fields, "Force", &d.Force, either, refuse)
	takeField(fields, "Close", &d.Close, either, refuse)
	if d.Deadline.Before(d.Begin) {
		refuse("Deadline", fmt.Sprintf("got %s, want at least Begin, which is %s", when(d.Deadline), when(d.Begin)))
		d.Begin = d.Deadline
	}
	return d
}

// takeField takes the value of one field, unless it is wrong.
func takeField[T any](fields map[string]json.RawMessage, name string, into *T, check func(T) error, refuse refusal) {
	raw, given := fields[name]
	if !given {
		return
	}
	var value T
	if json.Unmarshal(raw, &value) != nil || string(raw) == "null" {
		refuse(name, fmt.Sprintf("got %.40s, want %s", raw, kindOf(value)))
		return
	}
	if err := check(value); err != nil {
		refuse(name, err.Error())
		return
	}
	*into = value
}

func kindOf(value any) string {
	switch value.(type) {
	case int:
		return "a whole number"
	case bool:
		return "true or false"
	}
	return "a time"
}

func either(bool) error { return nil }

func atLeast0(n int) error {
	if n < 0 {
		return fmt.Errorf("got %d, want 0 or more", n)
	}
	return nil
}

func between(from, to time.Time) func(time.Time) error {
	return func(t time.Time) error {
		if t.Before(from) || t.After(to) {
			return fmt.Errorf("got %s, want %s to %s", when(t), when(from), when(to))
		}
		return nil
	}
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// recallRoll takes the nodes that a roll has still to drain.
func recallRoll(all []json.RawMessage, refuse refusal) (nodes []string) {
	for i, raw := range all {
		var name string
		field := fmt.Sprintf("[%d]", i)
		switch err := json.Unmarshal(raw, &name); {
		case err != nil || !config.IsNodeName(name):
			refuse(field, fmt.Sprintf("got %.70s, want the name of a node", raw))
		case slices.Contains(nodes, name):
			refuse(field, fmt.Sprintf("got %s again, want each node once", name))
		default:
			nodes = append(nodes, name)
		}
	}
	return nodes
}

// state is what is remembered as what is decided. Anything that others have decided
// since is newer.
func (m remembered) state() cluster.State {
	s := cluster.State{Roll: cluster.Roll{Stamp: cluster.Stamp{At: 1}, Nodes: m.roll}}
	for name, d := range m.drains {
		setDecision(&s, name, cluster.Decision{Stamp: cluster.Stamp{At: max(1, d.Started.UnixMilli())}, Drain: &d})
	}
	return s
}

// restore takes up what was remembered. mu is held.
func (a *App) restore(m remembered) {
	for _, name := range slices.Sorted(maps.Keys(m.drains)) {
		if _, err := a.pool.Node(name); err != nil {
			a.log.Info("drain kept until its node is found", zap.String("node", name))
		}
	}
	view := a.council.View()
	a.applyDrains(view)
	a.applyRoll(view)
}

// stillThere leaves out of a roll the nodes that are not there any more.
func (a *App) stillThere(roll []string) (left []string) {
	for _, name := range roll {
		if _, err := a.pool.Node(name); err != nil && !a.awaits(err, name) {
			a.log.Warn("roll not restored for a node", zap.String("node", name), zap.NamedError("err", err))
			continue
		}
		left = append(left, name)
	}
	return left
}
