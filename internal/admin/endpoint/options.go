// Package endpoint is where the admin API is: its address, and the token that
// it asks for. It is apart from the API itself, since the configuration has the
// one without the other.
package endpoint

import (
	"strings"

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
}

// Socket is the path in unix:PATH; ok is false for any other address.
func Socket(address string) (path string, ok bool) { return strings.CutPrefix(address, "unix:") }
