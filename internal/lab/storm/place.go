//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fermata/internal/certs"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/rival"
)

// place is what a configuration is made from.
type place struct {
	Dir     string
	Address string // where the balancer listens, HOST:PORT
	Admin   string // where Fermata is asked: unix:PATH, or HOST:PORT
	Key     string // of the app
	Apps    bool   // Fermata is told the app, and so moves sessions
	ID      string // of the app, and
	Secret  string // its secret
	Nodes   []placeNode
	Cap     int    // of connections at each node; 0: none
	Member  string // what it is called among several; empty: it is alone
	Redis   string // where the cluster's is, HOST:PORT; empty: there is no cluster
	Members []*place

	// Where the balancer itself is replaced:
	Secure              string // where it listens with TLS, HOST:PORT; empty: nowhere
	Cert, CertKey, Both string // files
	Spread              time.Duration
	second              string // a free port, for Secure
}

type placeNode struct {
	Name, Address string
	Out           bool // it is to get no clients
}

// newPlace has a folder of its own, which the caller removes.
func newPlace(addresses []string, apps bool) (*place, error) {
	ports, err := rival.FreePorts(2)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fermata-storm-")
	p := &place{
		Dir: dir, Address: ports[0], second: ports[1], Apps: apps, Admin: "unix:" + filepath.Join(dir, "admin.sock"),
		ID: devnode.DefaultAppID, Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
	}
	for i, a := range addresses {
		p.Nodes = append(p.Nodes, placeNode{Name: nodeName(i), Address: a})
	}
	return p, err
}

// secure has the balancer listen with TLS, too. Fermata has so long to close these
// clients when it is replaced.
func (p *place) secure(spread time.Duration) error {
	pair, err := certs.WriteSelfSigned(p.Dir, []string{"storm.example", "127.0.0.1"}, time.Now())
	if err != nil {
		return err
	}
	p.Secure, p.Spread = p.second, spread
	p.Cert, p.CertKey, p.Both = pair.Cert, pair.Key, filepath.Join(p.Dir, "both.pem")
	cert, err := os.ReadFile(pair.Cert)
	key, keyErr := os.ReadFile(pair.Key)
	return errors.Join(err, keyErr, os.WriteFile(p.Both, slices.Concat(cert, key), 0o600))
}

// split makes places for so many Fermatas, behind what listens at the place
// itself.
func (p *place) split(members int) error {
	ports, err := rival.FreePorts(2 * members)
	if err != nil {
		return err
	}
	for i := range members {
		m := *p
		m.Member = memberName(i)
		m.Dir = filepath.Join(p.Dir, m.Member)
		m.Address, m.Admin = ports[2*i], ports[2*i+1]
		if err := os.Mkdir(m.Dir, 0o700); err != nil {
			return err
		}
		p.Members = append(p.Members, &m)
	}
	return nil
}

// AdminPort is where HAProxy asks whether a member is ready.
func (p *place) AdminPort() string { return p.Admin[strings.LastIndexByte(p.Admin, ':')+1:] }

// admin is the flag of the commands.
func (p *place) admin() string {
	if strings.HasPrefix(p.Admin, "unix:") {
		return p.Admin
	}
	return "http://" + p.Admin
}
