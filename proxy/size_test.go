package proxy

import (
	"testing"
	"unsafe"
)

// Sizes of Go's allocator are 208, then 224: the next field costs every client 16
// bytes.
func TestAClientAtRestIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(client{}); got > 208 {
		t.Errorf("a client takes %d bytes, want at most 208", got)
	}
}

// A session with three subscriptions takes about 232 bytes besides, see package
// session: in all less than 400 more than a client without one.
func TestASessionsClientAtRestIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(sessionClient{}); got > 288 {
		t.Errorf("a client with a session takes %d bytes, want at most 288", got)
	}
}
