package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"fermata/internal/secret"
)

// pinOf is the cookie value that stands for a node: a keyed hash of its name,
// so that it tells nothing, cannot be made up without the secret, and is the
// same on every Fermata with the same configuration.
func pinOf(key secret.Text, node string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte("fermata pin 1\x00" + node))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// accept makes the pool know the values that pin to a node: one of every
// secret, of which the first is given out.
func (p *Pool) accept(n *Node) {
	if p.sticky.By != ByCookie {
		return
	}
	secrets := p.sticky.Cookie.Secrets
	if len(secrets) == 0 {
		secrets = []secret.Text{""}
	}
	n.pin = pinOf(secrets[0], n.name)
	for _, key := range secrets {
		p.pins[pinOf(key, n.name)] = n
	}
}

// pinned is the node that the first genuine one of the values names, or nil.
// Looking them up in a map lets timing tell about them, which matters little:
// whoever wants a genuine value only has to connect.
func (p *Pool) pinned(values []string) *Node {
	for _, value := range values {
		if n := p.pins[value]; n != nil {
			return n
		}
	}
	return nil
}
