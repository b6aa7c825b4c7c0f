//go:build unix

package pebble

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"time"
)

// Roots are whom the certificates that it issues are from.
func (c *CA) Roots() *x509.CertPool {
	c.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.ask(http.MethodGet, "/roots/0", nil)) {
		c.t.Fatal("pebble: got no root")
	}
	return pool
}

// Issuer is who signs the certificates that it issues, and its key, for a responder of the
// test's. It must have Options.OCSP.
func (c *CA) Issuer() (*x509.Certificate, crypto.Signer) {
	c.t.Helper()
	cert, certErr := x509.ParseCertificate(c.pem("/intermediates/0"))
	key, keyErr := x509.ParsePKCS1PrivateKey(c.pem("/intermediate-keys/0"))
	if err := errors.Join(certErr, keyErr); err != nil {
		c.t.Fatal(err)
	}
	return cert, key
}

// pem is the first block of what it says.
func (c *CA) pem(path string) []byte {
	c.t.Helper()
	block, _ := pem.Decode(c.ask(http.MethodGet, path, nil))
	if block == nil {
		c.t.Fatalf("pebble: %s: got no PEM", path)
	}
	return block.Bytes
}

// RenewNow has it say that this certificate is to be renewed at once (ARI, RFC 9773).
func (c *CA) RenewNow(cert *x509.Certificate) {
	c.t.Helper()
	window := map[string]any{"start": time.Now().Add(-2 * time.Hour).UTC(), "end": time.Now().Add(-time.Hour).UTC()}
	answer, err := json.Marshal(map[string]any{"suggestedWindow": window})
	if err != nil {
		c.t.Fatal(err)
	}
	request, err := json.Marshal(map[string]string{
		"Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})), "ARIResponse": string(answer),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.ask(http.MethodPost, "/set-renewal-info/", request)
}

// ask asks its endpoint for tests.
func (c *CA) ask(method, path string, body []byte) []byte {
	c.t.Helper()
	client := http.Client{Timeout: startTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	request, err := http.NewRequest(method, "https://"+c.manage+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("pebble: %s: got %d %s and %v, want 200", path, r.StatusCode, answer, err)
	}
	return answer
}
