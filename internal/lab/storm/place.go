//go:build linux

package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"fermata/internal/devnode"
)

// place is what a configuration is made from.
type place struct {
	Dir     string
	Address string // where the balancer listens, HOST:PORT
	Key     string // of the app
	Nodes   []placeNode
}

type placeNode struct {
	Name, Address string
	Out           bool // it is to get no clients
}

// newPlace has a folder of its own, which the caller removes.
func newPlace(addresses []string) (*place, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fermata-storm-")
	p := &place{Dir: dir, Address: address, Key: devnode.DefaultAppKey}
	for i, a := range addresses {
		p.Nodes = append(p.Nodes, placeNode{Name: nodeName(i), Address: a})
	}
	return p, err
}

// configure writes the balancer's configuration into the place's folder.
func (b *balancer) configure(at *place) (file string, err error) {
	t, err := template.ParseFS(configs, "config/"+b.config)
	if err != nil {
		return "", err
	}
	file = filepath.Join(at.Dir, b.config)
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	return file, errors.Join(t.Execute(f, at), f.Close())
}

// freePort is one of 127.0.0.1 that nobody listens on, HOST:PORT.
func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
