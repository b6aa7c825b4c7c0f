package cluster

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// signer signs what members write, and knows what others in the same Redis
// wrote. What it signs for one purpose, or one cluster, is no good for another.
type signer struct {
	key  []byte
	name string
}

func newSigner(o Options) signer {
	key, err := hkdf.Key(sha256.New, []byte(o.Secret.Reveal()), nil, "fermata cluster", sha256.Size)
	if err != nil {
		panic(err) // only a key too long is refused
	}
	return signer{key: key, name: o.Name}
}

var errSignature = errors.New("it is not signed with the cluster's secret")

func (s signer) seal(kind string, body []byte) []byte {
	blob := base64.RawURLEncoding.AppendEncode(nil, s.mac(kind, body))
	return append(append(blob, '.'), body...)
}

// open is errSignature for what was not sealed for this kind.
func (s signer) open(kind string, blob []byte) ([]byte, error) {
	mac, body, _ := bytes.Cut(blob, []byte("."))
	given, err := base64.RawURLEncoding.AppendDecode(nil, mac)
	if err != nil || !hmac.Equal(given, s.mac(kind, body)) {
		return nil, errSignature
	}
	return body, nil
}

func (s signer) mac(kind string, body []byte) []byte {
	hash := hmac.New(sha256.New, s.key)
	for _, part := range []string{kind, s.name} {
		hash.Write([]byte(part))
		hash.Write([]byte{0}) // neither has one, so that they cannot be mixed up
	}
	hash.Write(body)
	return hash.Sum(nil)
}
