//go:build unix

package redisserver

import (
	"testing"

	"fermata/internal/lab/port"
)

// New runs a server until the test ends, at a port of its own and, unless o says
// where, in a folder of its own. It skips the test where there is no redis-server.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	if err := Installed(); err != nil {
		t.Skipf("SKIPPED, nothing shows that Fermatas meet in Redis: %v", err)
	}
	o.Address = port.Reserve(t)
	if o.Cluster {
		o.BusAddress = port.Reserve(t)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}
