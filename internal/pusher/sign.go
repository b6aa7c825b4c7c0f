package pusher

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
	"time"

	"fermata/internal/secret"
)

// SignedQuery is the query of a signed request to an app's HTTP API, signature
// included. The signature covers the whole path, a prefix too.
// https://pusher.com/docs/channels/library_auth_reference/rest-api/#authentication
func SignedQuery(key string, secret secret.Text, method, path string, body []byte, now time.Time) string {
	sum := md5.Sum(body)
	query := "auth_key=" + key + "&auth_timestamp=" + strconv.FormatInt(now.Unix(), 10) +
		"&auth_version=1.0&body_md5=" + hex.EncodeToString(sum[:]) // in the order in which they are signed
	return query + "&auth_signature=" + sign(secret, method+"\n"+path+"\n"+query)
}

// sign is the hex of HMAC-SHA256.
func sign(secret secret.Text, text string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}
