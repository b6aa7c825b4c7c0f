package devnode

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign returns the query that makes a request of the HTTP API valid: the given
// one, which may be nil, with the key, the time, the body's md5 and the
// signature over all of it.
func Sign(method, path string, query url.Values, body []byte, key, secret string) url.Values {
	signed := url.Values{
		"auth_key":       {key},
		"auth_timestamp": {strconv.FormatInt(time.Now().Unix(), 10)},
		"auth_version":   {"1.0"},
	}
	for name, values := range query {
		signed[name] = values
	}
	if len(body) > 0 {
		signed.Set("body_md5", md5Hex(body))
	}
	signed.Set("auth_signature", signature(method, path, signed, body, secret))
	return signed
}

// SignChannel returns the auth of a subscription to a private or presence
// channel; data is a presence channel's channel_data, and else empty.
func SignChannel(socketID, channel, data, key, secret string) string {
	return key + ":" + signChannel(socketID, channel, data, secret)
}

func signChannel(socketID, channel, data, secret string) string {
	text := socketID + ":" + channel
	if data != "" {
		text += ":" + data
	}
	return hmacHex(text, secret)
}

// signature covers method, path, query sorted by name, and body. The body's md5
// is the one of the bytes that are there, not the one that the query claims.
func signature(method, path string, query url.Values, body []byte, secret string) string {
	values := maps.Clone(query)
	values.Del("auth_signature")
	values.Del("body_md5")
	if len(body) > 0 {
		values.Set("body_md5", md5Hex(body))
	}
	var params []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		params = append(params, name+"="+strings.Join(values[name], ","))
	}
	return hmacHex(strings.Join([]string{method, path, strings.Join(params, "&")}, "\n"), secret)
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func hmacHex(text, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func sameText(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
