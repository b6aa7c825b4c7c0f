//go:build linux

package main

import (
	"os"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/rival"
)

// place is what a configuration is made from.
type place struct {
	Dir     string
	Address string // where the balancer listens, HOST:PORT
	Key     string // of the app
	Apps    bool   // Fermata is told the app, and so moves sessions
	ID      string // of the app, and
	Secret  string // its secret
	Nodes   []placeNode
}

type placeNode struct {
	Name, Address string
	Out           bool // it is to get no clients
}

// newPlace has a folder of its own, which the caller removes.
func newPlace(addresses []string, apps bool) (*place, error) {
	ports, err := rival.FreePorts(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fermata-storm-")
	p := &place{
		Dir: dir, Address: ports[0], Apps: apps,
		ID: devnode.DefaultAppID, Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
	}
	for i, a := range addresses {
		p.Nodes = append(p.Nodes, placeNode{Name: nodeName(i), Address: a})
	}
	return p, err
}
