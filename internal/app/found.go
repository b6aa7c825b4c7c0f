package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"fermata/internal/config"
	"fermata/internal/discover"
)

// foundNodes are those that an entry of the configuration had found: a start while
// nobody answers begins with them.
type foundNodes struct {
	Source string // where; at another place they mean nothing
	Nodes  []discover.Node
}

// found are those of all entries, by their names.
func (d *discovery) found() map[string]foundNodes {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]foundNodes)
	for entry, f := range d.running {
		if nodes := f.Nodes(); len(nodes) > 0 {
			all[entry] = foundNodes{f.source.String(), nodes}
		}
	}
	return all
}

// before is what an entry had found before the restart. mu is held.
func (d *discovery) before(e config.Node) discover.Table {
	was := d.recalled[e.Name]
	if was.Source != e.Source.String() {
		return discover.Table{}
	}
	return discover.Remembered(was.Nodes)
}

// rememberFound writes down which nodes there are. mu is held.
func (a *App) rememberFound() {
	found := a.discovery.found()
	if len(found) == 0 {
		return
	}
	save := a.state.found.snapshot(found)
	a.checks.wg.Go(func() { a.saved("found nodes", save) })
}

// recallFound takes the nodes of all entries; those of one with a mistake are left out.
func recallFound(all map[string]json.RawMessage, refuse refusal) map[string]foundNodes {
	found := make(map[string]foundNodes)
	for _, entry := range slices.Sorted(maps.Keys(all)) {
		var f foundNodes
		if err := json.Unmarshal(all[entry], &f); err != nil {
			refuse(fmt.Sprintf("%.70q", entry), err.Error())
			continue
		}
		if i := slices.IndexFunc(f.Nodes, func(n discover.Node) bool { return !config.IsNodeName(n.Name) || n.URL.Host == "" }); i >= 0 {
			refuse(fmt.Sprintf("%.70q.Nodes[%d]", entry, i), "got a node without a name or a URL that it can have")
			continue
		}
		found[entry] = f
	}
	return found
}
