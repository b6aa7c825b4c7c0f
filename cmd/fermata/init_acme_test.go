package main

import (
	"os"
	"strings"
	"testing"
)

func TestAFirstConfigurationWithADomainPassesTheCheckWithoutAWarning(t *testing.T) {
	env, file := inFolder(t)
	got := fermata(t.Context(), "init", "-c", file, "--env", env, "--domain", "ws.example.com", "--domain", "b.example.com", "--acme-email", "ops@example.com")
	got.has(t, exitDone, "fermata check -c "+file, "ws.example.com, b.example.com: the DNS must lead to this machine")
	if strings.Contains(got.err, "REVERB_SCHEME") {
		t.Errorf("got %s, want no word about TLS, which there is", got.err)
	}
	fermata(t.Context(), "check", "-c", file).want(t, exitDone, file+": ok: 2 listeners, 1 nodes\n", "")
	text, _ := os.ReadFile(file)
	for _, part := range []string{`address: ":443"`, `domains: ["ws.example.com", "b.example.com"]`, `email: "ops@example.com"`, `address: ":80"`, "state_dir: /var/lib/fermata"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("got no %s in\n%s", part, text)
		}
	}
}

func TestNobodyAgreesToACAsTermsWithoutBeingAsked(t *testing.T) {
	env, file := inFolder(t)
	fermata(t.Context(), "init", "-c", file, "--env", env).has(t, exitDone, "", "REVERB_SCHEME is https: give --domain")
	if text, _ := os.ReadFile(file); strings.Contains(string(text), "acme") {
		t.Errorf("got\n%s\nwant no certificate that nobody has asked for", text)
	}
}

func TestWhatNoCAIssuesForIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	_, file := inFolder(t)
	check := func(want string, flags ...string) {
		t.Helper()
		got := fermata(t.Context(), append([]string{"init", "-c", file, "--node", "http://10.0.1.10:8080"}, flags...)...)
		got.want(t, exitUsage, "", "fermata: "+want+"\n")
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%q: got a file, want none", flags)
		}
	}
	name := ", want a name such as ws.example.com in small letters (an international one in its xn-- form)"
	check(`--domain: got "https://ws.example.com"`+name, "--domain", "https://ws.example.com")
	check(`--domain: got ""`+name, "--domain", "")
	check(`--domain: got the address "203.0.113.7", want a name: clients do not tell which address they want`, "--domain", "203.0.113.7")
	check(`--domain: got the wildcard "*.example.com", want a name: wildcards need the DNS-01 challenge, which Fermata does not answer`, "--domain", "*.example.com")
	check(`--domain: got "localhost", for which no public CA issues a certificate, want a public name`, "--domain", "localhost")
	check(`--acme-email: got "nobody", want an address such as ops@example.com, or none`, "--domain", "ws.example.com", "--acme-email", "nobody")
	check("got --acme-email without --domain, want both", "--acme-email", "ops@example.com")
	check("got --domain and a certificate, want --domain, or --cert and --key", "--domain", "ws.example.com", "--cert", "ws.pem", "--key", "ws.key")
}
