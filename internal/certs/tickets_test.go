package certs

import (
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"fermata/internal/secret"
)

func TestAClientResumesAtAnotherFermataWithTheSameSecret(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			p := writePair(t, time.Now(), "ws.example.com")
			same, old, other := []secret.Text{"a secret that is long"}, []secret.Text{"a new one", "a secret that is long"}, []secret.Text{"another secret"}
			f := func(first, second []secret.Text, want bool) {
				t.Helper()
				config := &tls.Config{
					ServerName: "ws.example.com", RootCAs: trust(t, p), MaxVersion: version,
					ClientSessionCache: tls.NewLRUClientSessionCache(8),
				}
				say(t, dial(t, echo(t, keyed(t, p, first), tls.VersionTLS12), config), "the ticket comes with this answer")
				if got := dial(t, echo(t, keyed(t, p, second), tls.VersionTLS12), config).ConnectionState().DidResume; got != want {
					t.Errorf("from %d to %d secrets: got resumed %v, want %v", len(first), len(second), got, want)
				}
			}
			f(same, same, true)
			f(same, old, true) // the secret was rotated, and the old one is still accepted
			f(same, other, false)
			f(nil, nil, false)
		})
	}
}

func keyed(t *testing.T, p Pair, tickets []secret.Text) *Store {
	t.Helper()
	s, err := Load([]Pair{p}, tickets, Issued{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTicketKeysRotateDailyAndOverlap(t *testing.T) {
	secrets := []secret.Text{"first", "second"}
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	today, tomorrow := ticketKeys(secrets, noon), ticketKeys(secrets, noon.AddDate(0, 0, 1))
	if today[0] == tomorrow[0] {
		t.Error("got the same key on two days, want another")
	}
	if !slices.Contains(tomorrow, today[0]) || !slices.Contains(today, tomorrow[0]) {
		t.Error("got keys of two days that do not accept each other's tickets")
	}
	if !slices.Equal(today, ticketKeys(secrets, noon.Add(11*time.Hour))) {
		t.Error("got other keys on the same day")
	}
}

func TestTheConfigurationOfADayIsMadeOnce(t *testing.T) {
	s := keyed(t, writePair(t, time.Now(), "ws.example.com"), []secret.Text{"first"})
	g, now := s.current.Load(), time.Now()
	if first, second := g.config(tls.VersionTLS12, now), g.config(tls.VersionTLS12, now); first != second {
		t.Error("got two configurations on one day, want one")
	}
	if g.config(tls.VersionTLS12, now) == g.config(tls.VersionTLS12, now.AddDate(0, 0, 1)) {
		t.Error("got one configuration for two days, want two")
	}
}
