package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// requestID is the id of a request: that which a trusted proxy has given it, or
// else one of our own, which is no secret. The zero value is none.
type requestID struct {
	given string
	own   uint64 // 0: none
}

func newRequestID(r *http.Request, trusted bool, o *Options) requestID {
	name := string(o.Headers.RequestID)
	if name == "" {
		return requestID{}
	}
	if given := r.Header[name]; trusted && len(given) == 1 && isID(given[0]) {
		return requestID{given: strings.Clone(given[0])}
	}
	return requestID{own: 1 + rand.Uint64N(math.MaxUint64)}
}

// String is the id as it is sent and logged; empty: there is none.
func (id requestID) String() string {
	if id.own == 0 {
		return id.given
	}
	var b [8]byte
	var text [2 * len(b)]byte
	binary.BigEndian.PutUint64(b[:], id.own)
	hex.Encode(text[:], b[:])
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

// requestField is the id for the log.
func (c *client) requestField() zap.Field {
	if c.request == (requestID{}) {
		return zap.Skip()
	}
	return zap.Stringer("request", c.request)
}
