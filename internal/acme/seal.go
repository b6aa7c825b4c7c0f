package acme

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"

	"fermata/internal/secret"
)

// sealer keeps from those who can read Redis what is in it, private keys among it, and
// knows what others have written there.
type sealer struct{ aead cipher.AEAD }

// newSealer's key is of the secret, and is not the one that members sign with.
func newSealer(s secret.Text) sealer {
	key, err := hkdf.Key(sha256.New, []byte(s.Reveal()), nil, "fermata acme storage", 32)
	if err != nil {
		panic(err) // only a key too long is refused
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only a key of another length is refused
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only a block of another size is refused
	}
	return sealer{aead}
}

// seal ties the value to its key: what is moved to another cannot be opened.
func (s sealer) seal(key string, value []byte) []byte {
	return s.aead.Seal(nil, nil, value, []byte(key))
}

// open is false for what was not sealed for that key with the same secret.
func (s sealer) open(key string, sealed []byte) (value []byte, ok bool) {
	value, err := s.aead.Open(nil, nil, sealed, []byte(key))
	return value, err == nil && len(value) >= 8
}
