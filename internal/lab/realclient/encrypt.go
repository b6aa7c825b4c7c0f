package realclient

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
)

func isEncrypted(channel string) bool { return strings.HasPrefix(channel, "private-encrypted-") }

// Encrypt is the data of an event as an app publishes it on a channel: sealed if
// that is an encrypted one. The app's secret is its master key for that, too.
func Encrypt(channel, data, secret string) string {
	if !isEncrypted(channel) {
		return data
	}
	key := sha256.Sum256([]byte(channel + secret))
	var nonce [24]byte
	rand.Read(nonce[:]) // never fails
	sealed, _ := json.Marshal(map[string][]byte{
		"nonce": nonce[:], "ciphertext": secretbox.Seal(nil, []byte(data), &nonce, &key),
	})
	return string(sealed)
}
