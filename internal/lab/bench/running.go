//go:build linux

package main

import (
	"net"

	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/rival"
)

// place is what a configuration is made from.
type place struct {
	Dir             string
	Plain, TLS      string // where the proxy listens, HOST:PORT
	PlainPort       string
	TLSPort         string
	Cert, Key, Both string // files
	Nodes           []string
	Admin           string // where Fermata's API is; empty: nowhere
	App, Secret     string // Fermata's app, for its clients to have sessions
}

// withPorts chooses two free ports for the proxy to listen on.
func withPorts(at place) (place, error) {
	ports, err := rival.FreePorts(2)
	if err != nil {
		return at, err
	}
	at.Plain, at.TLS = ports[0], ports[1]
	_, at.PlainPort, _ = net.SplitHostPort(at.Plain)
	_, at.TLSPort, _ = net.SplitHostPort(at.TLS)
	return at, nil
}

// running is a proxy that runs, or the nodes alone.
type running struct {
	*rival.Running // nil: the nodes alone
	name           string
	at             place
	pids           []int // its processes, oldest first; none of the nodes alone
}

// start starts a proxy. The caller stops it.
func start(p rival.Program, at place) (*running, error) {
	if p.Name == direct {
		return &running{name: p.Name, at: at}, nil
	}
	at, err := withPorts(at)
	if err != nil {
		return nil, err
	}
	at.App, at.Secret = p.Name, appSecret
	r, err := p.Start(configs, at.Dir, at)
	return &running{Running: r, name: p.Name, at: at}, err
}

// findProcesses finds the processes, once the proxy has answered.
func (r *running) findProcesses() (err error) {
	if r.Running != nil {
		r.pids, err = proc.Family(r.PID())
	}
	return err
}

// addresses are where clients connect.
func (r *running) addresses(tls bool) []string {
	switch {
	case r.Running == nil:
		return r.at.Nodes
	case tls:
		return []string{r.at.TLS}
	}
	return []string{r.at.Plain}
}

// tls is whether the clients speak TLS; the nodes themselves do not.
func (r *running) tls(wanted bool) bool { return wanted && r.Running != nil }
