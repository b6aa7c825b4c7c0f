package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
)

// trusted makes this machine a trusted proxy, whose clients have the address that
// it names.
const trusted = "trusted_proxies: [127.0.0.1]\n"

// from is an upgrade of a client behind a trusted proxy.
func from(client, fields string) string {
	return apptest.WireUpgrade + "X-Forwarded-For: " + client + "\r\n" + fields
}

// wantRefused wants an upgrade to be refused, counted and logged.
func wantRefused(s *apptest.Stack, request string, status int, result string, count int) *http.Response {
	s.T.Helper()
	r, body := s.Ask(request)
	if r.StatusCode != status || !strings.HasPrefix(body, "got ") {
		s.T.Fatalf("got %d %q, want %d", r.StatusCode, body, status)
	}
	s.HasMetric(fmt.Sprintf(`fermata_handshakes_total{node="",result=%q} %d`, result, count))
	return r
}

func wantUpgraded(s *apptest.Stack, request string) *apptest.Wire {
	s.T.Helper()
	w := s.Wire(request + "\r\n")
	if r, body := w.Answer(); r.StatusCode != 101 {
		s.T.Fatalf("got %d %q, want 101", r.StatusCode, body)
	}
	return w
}

func TestAnAddressWithTooManyClientsGets429UntilOneHasLeft(t *testing.T) {
	s := apptest.New(t, 1, trusted+"limits: {clients_per_ip: 2, exempt: [203.0.113.0/24]}\n")
	first := wantUpgraded(s, from("2001:db8::1", ""))
	wantUpgraded(s, from("2001:db8::2", "")) // the same /64
	for i := range 2 {
		r := wantRefused(s, from("2001:db8::3", ""), 429, "clients_per_ip", i+1)
		if r.Header.Get("Retry-After") != "10" {
			t.Errorf("got Retry-After %q, want 10", r.Header.Get("Retry-After"))
		}
	}
	wantUpgraded(s, from("2001:db8:0:1::1", ""))
	for range 3 {
		wantUpgraded(s, from("203.0.113.9", ""))
		wantUpgraded(s, apptest.WireUpgrade) // the proxy itself
	}
	first.Close()
	s.WaitMetric("fermata_clients 8")
	wantUpgraded(s, from("2001:db8::3", ""))
	if lines := s.Logs.All("client refused"); len(lines) != 1 || lines[0]["client"] != "2001:db8::3" {
		t.Errorf("got %v, want one line", lines)
	}
}

func TestAnAddressThatAsksTooOftenGets429(t *testing.T) {
	s := apptest.New(t, 1, "limits: {upgrades_per_ip: 1}\n")
	refused := 0
	for range 20 { // of which a machine that is very slow takes some
		if r, _ := s.Ask(apptest.WireUpgrade); r.StatusCode == 429 {
			refused++
			if r.Header.Get("Retry-After") != "1" {
				t.Errorf("got Retry-After %q, want 1", r.Header.Get("Retry-After"))
			}
		}
	}
	if refused == 0 {
		t.Error("got no refusal, want some")
	}
	s.HasMetric(fmt.Sprintf(`fermata_handshakes_total{node="",result="upgrades_per_ip"} %d`, refused))
}

func TestAPageOfAnotherHostGets403(t *testing.T) {
	s := apptest.New(t, 1, "allowed_origins: [good.example, '*.fine.example']\n")
	wantRefused(s, apptest.WireUpgrade+"Origin: https://evil.example\r\n", 403, "origin", 1)
	wantUpgraded(s, apptest.WireUpgrade+"Origin: https://good.example\r\n")
	wantUpgraded(s, apptest.WireUpgrade)
	s.HasMetric(`fermata_handshakes_total{node="reverb-1",result="ok"} 2`)
}

func TestADeniedAddressIsClosedAtOnceAndBehindAProxyGets403(t *testing.T) {
	s := apptest.New(t, 1, "deny: [127.0.0.0/8]\n")
	s.Wire("").Ended()
	s.WaitMetric(`fermata_connections_refused_total{reason="denied"} 1`)
	if line := s.Logs.Wait(t, "connection refused"); line["client"] != "127.0.0.1" {
		t.Errorf("got %v, want the client", line)
	}
	s = apptest.New(t, 1, trusted+"allow: [203.0.113.0/24]\ndeny: [203.0.113.9]\n")
	wantRefused(s, from("203.0.113.9", ""), 403, "denied", 1)
	wantRefused(s, from("198.51.100.1", ""), 403, "denied", 2)
	wantRefused(s, "GET /up HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n", 403, "denied", 3)
	wantUpgraded(s, from("203.0.113.8", ""))
	if r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n"); r.StatusCode != 200 {
		t.Errorf("a check of the proxy itself: got %d, want 200", r.StatusCode)
	}
	s.Configure(trusted + "deny: [203.0.113.8]\n")
	s.Reload()
	wantRefused(s, from("203.0.113.8", ""), 403, "denied", 4)
}

func TestAClientOfPROXYProtocolIsDeniedByItsOwnAddress(t *testing.T) {
	s := apptest.New(t, 1, proxyListen+"deny: [203.0.113.7]\n")
	s.Wire(proxyV2 + apptest.WireUpgrade + "\r\n").Ended()
	s.WaitMetric(`fermata_connections_refused_total{reason="denied"} 1`)
	wantUpgraded(s, proxyLocal+apptest.WireUpgrade)
}
