package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"go.uber.org/zap"
)

// requestID is the id of a request: that which a trusted proxy has given it, or
// else one of our own, which is no secret. Empty: there is to be none.
func requestID(r *http.Request, trusted bool, o *Options) string {
	name := string(o.Headers.RequestID)
	if name == "" {
		return ""
	}
	if given := r.Header[name]; trusted && len(given) == 1 && isID(given[0]) {
		return given[0]
	}
	var random [8]byte
	var text [16]byte
	binary.BigEndian.PutUint64(random[:], rand.Uint64())
	hex.Encode(text[:], random[:])
	return string(text[:])
}

// isID is whether an id from elsewhere can stand in the log and in a header: a
// node takes few bytes of head.
func isID(s string) bool {
	const most = 64
	for i := range len(s) {
		if !isIDByte(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= most
}

func isIDByte(b byte) bool {
	switch b {
	case '.', '_', '-', '+', '/', '=', ':', '@', '~':
		return true
	}
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}

// setRequestID tells a node the id, in place of what the client may have sent.
func (c *client) setRequestID(h http.Header) {
	if c.request != "" {
		h[string(c.options.Headers.RequestID)] = []string{c.request}
	}
}

// requestField is the id for the log.
func (c *client) requestField() zap.Field {
	if c.request == "" {
		return zap.Skip()
	}
	return zap.String("request", c.request)
}
