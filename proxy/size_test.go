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

// The session is a part of it, but for its texts.
func TestASessionsClientAtRestIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(sessionClient{}); got > 352 {
		t.Errorf("a client with a session takes %d bytes, want at most 352", got)
	}
}
