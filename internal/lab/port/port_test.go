//go:build unix

package port

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

func TestAReservedPortRefusesWheneverNobodyListens(t *testing.T) {
	address := Reserve(t)
	for range 2 {
		if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refusal", err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Close()
	}
}
