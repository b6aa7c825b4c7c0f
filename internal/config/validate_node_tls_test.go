package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/certs"
	"fermata/internal/nodetls"
)

// shown are the files of a certificate, and one that is neither.
func shown(t *testing.T, now time.Time) (cert, key, garbage string) {
	t.Helper()
	p, err := certs.WriteSelfSigned(t.TempDir(), []string{"fermata"}, now)
	if err != nil {
		t.Fatal(err)
	}
	garbage = filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	return p.Cert, p.Key, garbage
}

func TestNodesMayBeSpokenToWithTLS(t *testing.T) {
	cert, key, _ := shown(t, time.Now())
	c := mustParse(t, listening+fmt.Sprintf(`nodes:
  - {name: a, url: 'https://reverb-1:8443', tls: {ca: %[1]q, client_cert: %[1]q, client_key: %[2]q}}
  - {name: b, url: 'https://10.0.0.2'}
  - {name: c, discover: dns, host: reverb.default.svc., port: 8443, scheme: https, tls: {server_name: reverb.internal}}
`, cert, key))
	if n := c.Nodes[0]; !n.URL.TLS || *n.TLS != (nodetls.Options{CA: cert, ClientCert: cert, ClientKey: key}) || n.Trust == nil {
		t.Errorf("got %+v with %+v, want TLS with its files read", n, n.TLS)
	}
	if n := c.Nodes[1]; n.URL != (balancer.URL{Host: "10.0.0.2:443", TLS: true}) || n.HostOf(n.URL) != "10.0.0.2" {
		t.Errorf("got %+v and host %s, want port 443 of 10.0.0.2", n.URL, n.HostOf(n.URL))
	}
	if n := c.Nodes[2]; !n.Source.TLS() || n.HostOf(balancer.URL{Host: "10.0.0.3:8443"}) != "reverb.default.svc" {
		t.Errorf("got %+v, want TLS, and the name that is looked up as the nodes'", n)
	}
}

func TestTLSToNodesIsChecked(t *testing.T) {
	now := time.Now()
	cert, key, garbage := shown(t, now)
	_, otherKey, _ := shown(t, now)
	f := func(entry, want string) {
		t.Helper()
		wantMistakes(t, listening+"nodes:\n  - {name: a, "+entry+"}\n", "3: nodes[0]."+want)
	}
	f("url: 'http://a', tls: {server_name: b}", "tls: got it for nodes without TLS, want url: https://…")
	f("discover: dns, host: b, port: 1, tls: {server_name: b}", "tls: got it for nodes without TLS, want scheme: https")
	f("discover: dns, host: b, port: 1, scheme: wss", `scheme: got "wss", want one of http, https`)
	f("discover: file, file: b, scheme: https", "scheme: got it with discover: file, want discover: dns")
	f("url: 'https://a', scheme: https", "scheme: got it without discover, want discover beside it")
	f("discover: dns, host: _http._tcp.b, scheme: https", "tls.server_name: got nothing with SRV records, want the name in the nodes' certificates")
	f("url: 'https://a', tls: {server_name: 'a:443'}", `tls.server_name: got "a:443", want a name such as reverb.internal, or an address`)
	f("url: 'https://a', tls: {verify: false}", "tls.verify: got an unknown key, want one of ca, server_name, client_cert, client_key")
	f("url: 'https://a', tls: {client_key: "+key+"}", "tls.client_key: got a key without client_cert, want both")
	const unusable = "tls: got files that cannot be used, want others: "
	f("url: 'https://a', tls: {ca: "+garbage+"}", unusable+garbage+": got no certificate, want one in PEM")
	f("url: 'https://a', tls: {ca: /nowhere/ca.pem}", unusable+"/nowhere/ca.pem: no such file or directory")
	f("url: 'https://a', tls: {client_cert: "+cert+", client_key: "+otherKey+"}", unusable+otherKey+" is no key for "+cert+" (fermata): private key does not match public key")
	f("url: 'https://a', tls: {client_cert: "+cert+"}", unusable+cert+" is no key for "+cert+" (fermata): found a certificate rather than a key in the PEM for the private key")
}

// Nodes refuse it; others that are configured go on.
func TestAnExpiredClientCertificateIsServedWithAWarning(t *testing.T) {
	cert, key, _ := shown(t, time.Now().AddDate(-1, 0, 0))
	text := listening + "nodes: [{name: a, url: 'https://a', tls: {client_cert: " + cert + ", client_key: " + key + "}}]\n"
	if c := mustParse(t, text); len(c.Warnings) != 1 || c.Warnings[0].Path != "nodes[0].tls.client_cert" {
		t.Errorf("got %v, want a warning about the certificate", c.Warnings)
	}
}
