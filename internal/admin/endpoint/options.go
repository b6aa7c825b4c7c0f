// Package endpoint is where the admin API is: its address, and the token that
// it asks for. It is apart from the API itself, since the configuration has the
// one without the other.
package endpoint

import (
	"strings"

	"fermata/internal/certs"
	"fermata/internal/secret"
)

// Options are the admin section of the configuration.
type Options struct {
	// Address is unix:PATH or HOST:PORT. A TCP address other than loopback
	// needs a token. Empty: there is no admin endpoint.
	Address string `yaml:"address"`
	// Token is what a caller must bring as "Authorization: Bearer TOKEN";
	// empty: none is asked for.
	Token secret.Text `yaml:"token"`
	// OldToken is accepted, too, while callers change over to Token; empty: none.
	OldToken secret.Text `yaml:"old_token"`
	// ReadToken lets a caller look and change nothing; empty: there is none.
	ReadToken secret.Text `yaml:"read_token"`
	// Hosts are the names by which the endpoint is asked for, besides its address
	// and localhost. Others are refused: a web page could have pointed them here.
	Hosts []string `yaml:"hosts"`
	// TLS is the certificate that is served; nil: the endpoint is plain HTTP.
	TLS *certs.Pair `yaml:"tls"`
}

// Access is what a caller may do.
type Access int

// What Access can be.
const (
	Nothing Access = iota
	Reading
	Everything
)

// AccessOf is what somebody may do who brings this token. Each is compared in a
// time that does not depend on it.
func (o Options) AccessOf(given string) Access {
	token, old, read := o.Token.Equal(given), o.OldToken.Equal(given), o.ReadToken.Equal(given)
	switch {
	case o.Token == "":
		return Everything
	case token, old && o.OldToken != "":
		return Everything
	case read && o.ReadToken != "":
		return Reading
	}
	return Nothing
}

// Socket is the path in unix:PATH; ok is false for any other address.
func Socket(address string) (path string, ok bool) { return strings.CutPrefix(address, "unix:") }
