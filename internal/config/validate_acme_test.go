package config

import (
	"strings"
	"testing"

	"fermata/internal/acme"
)

// acmeBegin is the configuration before the keys of listen[0].tls.acme, in line 6 and on.
const acmeBegin = "nodes: [{name: a, url: 'http://10.0.0.1'}]\nstate_dir: /var/lib/fermata\nlisten:\n  - address: ':443'\n    tls:\n"

func TestTwoLinesMakeACertificate(t *testing.T) {
	c := mustParse(t, acmeBegin+"      acme: {domains: [ws.example.com]}\n")
	want := acme.Options{Domains: []string{"ws.example.com"}, CA: acme.PublicCA}
	if got := c.Listen[0].TLS.ACME; got.CA != want.CA || len(got.Domains) != 1 || got.Domains[0] != want.Domains[0] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got %v, want no warning", c.Warnings)
	}
}

func TestMistakesInACMEAreFoundBeforeTheCAFindsThem(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, acmeBegin+"      acme: {"+text+"}\n", want...)
	}
	f("", "6: listen[0].tls.acme.domains: got no domains, want at least one")
	f("domains: [10.0.0.1]", `6: listen[0].tls.acme.domains[0]: got the address "10.0.0.1", want a name: clients do not tell which address they want`)
	f("domains: ['*.example.com']", `6: listen[0].tls.acme.domains[0]: got the wildcard "*.example.com", want a name: wildcards need the DNS-01 challenge, which Fermata does not answer`)
	name := "want a name such as ws.example.com in small letters (an international one in its xn-- form)"
	for _, wrong := range []string{"WS.example.com", "ws_1.example.com", "http://ws.example.com", "ws.example.com.", "ws..com", "-a.com", "wß.de"} {
		f("domains: ['"+wrong+"']", `6: listen[0].tls.acme.domains[0]: got "`+wrong+`", `+name)
	}
	f("domains: [a.example.com, a.example.com]", `6: listen[0].tls.acme.domains[1]: got "a.example.com", want another than listen[0].tls.acme.domains[0]`)
	f("domains: [a.example.com], email: nobody", `6: listen[0].tls.acme.email: got "nobody", want an address such as ops@example.com, or none`)
	f("domains: [a.example.com], ca: 'http://ca.example.com/dir'", `6: listen[0].tls.acme.ca: got "http://ca.example.com/dir", want the https:// URL of a CA's directory`)
	f("domains: [a.example.com], ca_root: /none.pem", "6: listen[0].tls.acme.ca_root: /none.pem: no such file or directory")
	f("domains: [a.example.com], eab: {key_id: k}", "6: listen[0].tls.acme.eab: got one of key_id and mac_key, want both, or none")
	f("domains: [a.example.com], eab: {key_id: k, mac_key: '%%%'}", "6: listen[0].tls.acme.eab.mac_key: got what is not base64url, want the key as the CA shows it")
}

func TestCertificatesNeedAPlaceToBeKept(t *testing.T) {
	begin := strings.Replace(acmeBegin, "state_dir: /var/lib/fermata\n", "", 1)
	wantMistakes(t, begin+"      acme: {domains: [a.example.com]}\n",
		"5: listen[0].tls.acme: got neither state_dir nor cluster, want one of them, to keep the certificates in")
	mustParse(t, begin+"      acme: {domains: [a.example.com]}\ncluster: {redis: 'redis://127.0.0.1', secret: hush-hush-hush-hush}\n")
}

func TestADomainOfTwoListenersHasOneAccount(t *testing.T) {
	second := "  - address: ':8443'\n    tls:\n      acme: {domains: [a.example.com]"
	mustParse(t, acmeBegin+"      acme: {domains: [a.example.com]}\n"+second+"}\n")
	wantMistakes(t, acmeBegin+"      acme: {domains: [a.example.com]}\n"+second+", email: ops@example.com}\n",
		`9: listen[1].tls.acme.domains[0]: got "a.example.com" with another account than in listen[0].tls.acme, want the same`)
}

func TestAnEdgeThatTheCADoesNotReachIsDoubtful(t *testing.T) {
	f := func(listen, acme string, want ...string) {
		t.Helper()
		c := mustParse(t, "nodes: [{name: a, url: 'http://10.0.0.1'}]\nstate_dir: /s\nlisten:\n  - address: '"+listen+"'\n    tls:\n      acme: {"+acme+"}\n")
		if len(c.Warnings) != len(want) {
			t.Fatalf("%s, %s: got %v, want %d warnings", listen, acme, c.Warnings, len(want))
		}
		for i, path := range want {
			if c.Warnings[i].Path != path {
				t.Errorf("%s, %s: got %v, want it at %s", listen, acme, c.Warnings[i], path)
			}
		}
	}
	f(":443", "domains: [a.example.com]")
	f(":8443", "domains: [a.example.com]", "listen[0].tls.acme")
	f("127.0.0.1:443", "domains: [a.example.com]", "listen[0].tls.acme")
	f(":443", "domains: [localhost, ws.local]", "listen[0].tls.acme.domains[0]", "listen[0].tls.acme.domains[1]")
}
