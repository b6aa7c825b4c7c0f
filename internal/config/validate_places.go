package config

import (
	"fmt"
	"os"
	"strings"

	"fermata/internal/admin/endpoint"
)

// place is where something listens, with the path at which that is given.
type place struct {
	path    string
	address string
	hostPort
}

// places are the listeners and, on TCP, the admin endpoint, those of them that
// are addresses.
func (c *Config) places() (all []place) {
	add := func(path, address string) {
		if e, ok := hostPortOf(address); ok && e.port != 0 {
			all = append(all, place{path, address, e})
		}
	}
	for i, listen := range c.Listen {
		add(fmt.Sprintf("listen[%d].address", i), listen.Address)
	}
	if !strings.HasPrefix(c.Admin.Address, "unix:") {
		add("admin.address", c.Admin.Address)
	}
	return all
}

// validatePlaces wants one listener on each address, and no node there.
func (r *report) validatePlaces(c *Config) {
	places := c.places()
	for i, later := range places {
		for _, before := range places[:i] {
			r.want(!overlap(before.hostPort, later.hostPort), later.path, "got %q, want another than %s", later.address, before.path)
		}
	}
	own, seen := ownAddresses(), map[string]string{}
	for i, node := range c.Nodes {
		e, ok := hostPortOf(node.URL.Host)
		if !ok {
			continue
		}
		path := fmt.Sprintf("nodes[%d].url", i)
		for _, p := range places {
			r.want(!e.leadsTo(p.hostPort, own), path, "got %q, which leads to %s, want a node", node.URL, p.path)
		}
		before, again := seen[e.String()]
		r.want(!again, path, "got %q, want another than %s", node.URL, before)
		seen[e.String()] = path
		r.want(!e.ip.IsMulticast(), path, "got %q, which is no address of one machine, want a node", node.URL)
	}
}

// longestSocket is how long the path of a unix socket can be: sun_path of unix(7), without
// the NUL.
const longestSocket = 107

// validateFiles wants files of one's own for the admin socket and the state.
// What is there now, a start finds out by using it.
func (r *report) validateFiles(c *Config) {
	socket, unix := endpoint.Socket(c.Admin.Address)
	r.want(!unix || c.StateDir == "" || socket != c.StateDir, "state_dir", "got %q, which is admin.address, want a directory", c.StateDir)
	upgrade := c.Upgrade.Socket
	r.want(upgrade == "" || upgrade != c.StateDir && (!unix || upgrade != socket), "upgrade.socket", "got %q, which is admin.address or state_dir, want a path of its own", upgrade)
	r.want(len(upgrade) <= longestSocket, "upgrade.socket", "got a path of %d bytes, want at most %d", len(upgrade), longestSocket)
	if !r.strict {
		return
	}
	info, err := os.Stat(c.StateDir)
	r.want(c.StateDir == "" || err != nil || info.IsDir(), "state_dir", "got the file %q, want a directory", c.StateDir)
	info, err = os.Stat(socket)
	r.want(!unix || err != nil || info.Mode().Type() == os.ModeSocket, "admin.address", "got %q, where something else is, want a path that is free", c.Admin.Address)
}
