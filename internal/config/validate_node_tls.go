package config

import (
	"errors"
	"net/netip"
	"time"

	"fermata/internal/certs"
	"fermata/internal/nodetls"
)

// validateNodeTLS reads the files that a node's tls section names. Used is whether
// TLS is spoken to its nodes, and otherwise what is missing for that.
func (r *report) validateNodeTLS(path string, n *Node, used bool, missing string) {
	if n.TLS == nil {
		return
	}
	path += ".tls"
	o := *n.TLS
	if !used {
		r.want(false, path, "got it for nodes without TLS, want %s", missing)
		return
	}
	r.want(o.ServerName == "" || isServerName(o.ServerName), path+".server_name", "got %.300q, want a name such as reverb.internal, or an address", o.ServerName)
	r.want(o.ClientKey == "" || o.ClientCert != "", path+".client_key", "got a key without client_cert, want both")
	trust, err := nodetls.Load(o)
	r.want(err == nil, path, "got files that cannot be used, want others: %v", err)
	n.Trust = trust
	if err == nil && o.ClientCert != "" {
		r.validateShown(path+".client_cert", o.Pair())
	}
}

func isServerName(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || len(text) <= 253 && hostName.MatchString(text)
}

// validateShown looks whether nodes would take the certificate at this moment.
func (r *report) validateShown(path string, p certs.Pair) {
	err := certs.Check(p, time.Now())
	refused := errors.Is(err, certs.ErrNotValidNow)
	r.want(!refused || !r.strict, path, "got a pair that nodes refuse, want another: %v", err)
	r.prefer(!refused, path, "got a pair that nodes refuse, want another: %v", err)
}
