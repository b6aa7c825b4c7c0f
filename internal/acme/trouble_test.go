//go:build unix

package acme

import (
	"strings"
	"testing"
	"time"

	"fermata/internal/lab/pebble"
	"fermata/internal/lab/port"
)

func TestACertificateComesOnceTheCAIsThere(t *testing.T) {
	t.Parallel()
	address := port.Reserve(t)
	s := newSite(t, nil)
	s.listen()
	s.options = Options{Domains: []string{s.domain}, CA: "https://" + address + "/dir"}
	s.order()
	if got := s.next(s.failed); !strings.Contains(got.Reason, "connection refused") || !got.NotAfter.IsZero() || got.Next.IsZero() {
		t.Errorf("got %+v, want that nobody listens there, and another attempt", got)
	}
	s.startCA(pebble.Options{Address: address})
	s.order()
	if got := s.next(s.served); !got.Issued {
		t.Errorf("got %+v, want one that was issued", got)
	}
}

func TestWrongDNSIsToldAndMended(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.dns.Set(s.domain, "127.0.0.77") // where nobody listens
	s.startCA(pebble.Options{})
	s.listen()
	s.order()
	got := s.next(s.failed)
	if !strings.Contains(got.Reason, "127.0.0.77") {
		t.Errorf("got %q, want the CA's reason", got.Reason)
	}
	s.dns.Set(s.domain, "127.0.0.1")
	if got := s.next(s.served); !got.Issued {
		t.Errorf("got %+v, want one that was issued", got)
	}
	for _, state := range s.States() {
		if state.Failures != 0 || state.Reason != "" {
			t.Errorf("got %+v, want no failure any more", state)
		}
	}
}

func TestPausesGrowAndHoldOverARestart(t *testing.T) {
	t.Parallel()
	folder := NewFolder(t.TempDir())
	patient := func(d *Deps) {
		d.Storage, d.Pauses = folder, []time.Duration{time.Millisecond, time.Hour}
	}
	s := newSite(t, patient)
	s.startCA(pebble.Options{Refused: []string{s.domain}})
	s.listen()
	s.order()
	s.next(s.failed)
	second := s.next(s.failed)
	if wait := time.Until(second.Next); second.Failures != 2 || wait < 50*time.Minute || wait > 70*time.Minute {
		t.Errorf("got %+v, want the next attempt in an hour", second)
	}
	if !strings.HasPrefix(second.Reason, "rejectedIdentifier: ") {
		t.Errorf("got %q, want the CA's reason", second.Reason)
	}
	s.stop()

	again := newSite(t, patient)
	again.options = s.options
	again.order()
	again.until(func(s State) bool { return s.Failures == 2 && s.Next.Equal(second.Next) && s.Reason == second.Reason })
	again.order() // a reload
	if third := again.next(again.failed); third.Failures != 3 {
		t.Errorf("got %+v, want a reload to try at once", third)
	}
}

// until waits for the state of the first domain.
func (s *site) until(so func(State) bool) {
	s.t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(waiting)
	defer tick.Stop()
	for !so(s.States()[0]) {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("got %+v, want another state", s.States()[0])
		}
	}
}

func TestAnotherAccountServesTheOldCertificateMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	s.order()
	s.next(s.served)
	before := s.leaf()
	s.options.CA = "https://" + port.Reserve(t) + "/dir"
	s.order()
	s.next(s.failed)
	if got := s.leaf(); !got.Equal(before) {
		t.Error("got another certificate, want the old one until there is a new one")
	}
	s.options.Domains = nil
	s.order()
	if s.Certificate(s.domain) != nil {
		t.Error("got a certificate for a domain that is not in the plan, want none")
	}
}
