package app_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/port"
)

// operators is a Fermata whose admin endpoint is at this address, with a certificate of
// the authority.
func operators(t *testing.T, of *apptest.Authority, address, extra string) *apptest.Stack {
	t.Helper()
	nodes, urls := apptest.StartNodes(t, 1)
	s := apptest.Configured(t, urls, "")
	s.Nodes, s.Admin = nodes, address
	s.ConfigureAdmin(of.Issue("127.0.0.1", "fermata.internal"), extra)
	s.Serve()
	return s
}

const (
	token    = "the-token-of-today"
	oldToken = "the-token-of-yesterday"
	readOnly = "the-token-that-only-reads"
)

func TestTheAdminEndpointKnowsThreeTokensOverTLS(t *testing.T) {
	t.Parallel()
	of, address := apptest.NewAuthority(t), port.Reserve(t)
	both := fmt.Sprintf(", token: %s, old_token: %s, read_token: %s", token, oldToken, readOnly)
	s := operators(t, of, address, both)
	f := func(token string, reads, changes bool) {
		t.Helper()
		c, err := admin.NewClient("https://"+address, token)
		if err == nil {
			err = c.Trust(of.File)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Nodes(t.Context(), false); (err == nil) != reads {
			t.Errorf("%q reads: got %v, want that it may: %v", token, err, reads)
		}
		_, err = c.Undrain(t.Context(), "reverb-1", admin.UndrainRequest{})
		if (err == nil) != changes {
			t.Errorf("%q undrains: got %v, want that it may: %v", token, err, changes)
		}
		if reads && !changes && !strings.Contains(err.Error(), "may look and change nothing") {
			t.Errorf("got %v, want it to say why", err)
		}
	}
	f(token, true, true)
	f(oldToken, true, true)
	f(readOnly, true, false)
	f("", false, false)
	f("another-one", false, false)
	if line := s.Logs.Wait(t, "wrong token on the admin endpoint"); line["client"] != "127.0.0.1" {
		t.Errorf("got %v, want the address", line)
	}

	s.ConfigureAdmin(of.Issue("127.0.0.1"), ", token: "+token)
	c, _ := admin.NewClient("https://"+address, token)
	if err := c.Trust(of.File); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "admin.tls") {
		t.Errorf("with other files: got %v, want a refusal", err)
	}
	s.ConfigureAdmin(s.AdminPair, ", token: "+token)
	if _, err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	f(token, true, true)
	f(oldToken, false, false)
	f(readOnly, false, false)
}

// A page that has pointed its own name at the endpoint gets nothing.
func TestTheAdminEndpointAnswersToItsNamesAlone(t *testing.T) {
	t.Parallel()
	of, address := apptest.NewAuthority(t), port.Reserve(t)
	operators(t, of, address, ", hosts: [fermata.internal]")
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: of.Pool()}, DisableKeepAlives: true}, Timeout: apptest.Timeout}
	f := func(host string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/v1/nodes", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("Host %s: got %d, want %d", host, answer.StatusCode, want)
		}
	}
	f(address, 200)
	f("localhost:1", 200)
	f("Fermata.Internal:9000", 200)
	f("evil.example:9000", 403)
	f("fermata.internal.evil.example", 403)
}
