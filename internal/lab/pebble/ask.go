//go:build unix

package pebble

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
