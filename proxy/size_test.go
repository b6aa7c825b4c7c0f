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
