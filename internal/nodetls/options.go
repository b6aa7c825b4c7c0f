// Package nodetls is TLS from Fermata to its nodes: what the configuration says of
// it, the files that this names, and the handshake, whose errors are for people.
package nodetls

import "fermata/internal/certs"

// Options are the tls section of a node's entry. The zero value trusts the system's
// authorities and shows no certificate.
type Options struct {
	// CA is a PEM file with the certificates that sign those of the nodes, or with
	// these themselves; empty: the system's authorities.
	CA string `yaml:"ca"`
	// ServerName is the name that a node's certificate must have, and that it is
	// asked for; empty: the host of its URL or, for nodes that are found, the name
	// that is looked up.
	ServerName string `yaml:"server_name"`
	// ClientCert is a PEM file with the certificate that nodes are shown; empty: none.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is its key; empty: it is in the same file.
	ClientKey string `yaml:"client_key"`
}

// Pair are the files of the certificate that nodes are shown.
func (o Options) Pair() certs.Pair {
	p := certs.Pair{Cert: o.ClientCert, Key: o.ClientKey}
	if p.Key == "" {
		p.Key = p.Cert
	}
	return p
}
