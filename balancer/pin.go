package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
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

// pinsOf are all values that are accepted for a node, the one to give out
// first.
func pinsOf(secrets []secret.Text, node string) []string {
	if len(secrets) == 0 {
		secrets = []secret.Text{""}
	}
	pins := make([]string, len(secrets))
	for i, key := range secrets {
		pins[i] = pinOf(key, node)
	}
	return pins
}

// pinned is the node that the first genuine one of the values names, or nil.
func (p *Pool) pinned(values []string) *Node {
	if p.sticky.By != ByCookie {
		return nil
	}
	for _, value := range values {
		for _, n := range p.nodes {
			if !n.removed && n.accepts(value) {
				return n
			}
		}
	}
	return nil
}

func (n *Node) accepts(value string) bool {
	for _, pin := range n.pins {
		if subtle.ConstantTimeCompare([]byte(pin), []byte(value)) == 1 {
			return true
		}
	}
	return false
}
