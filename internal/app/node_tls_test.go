package app_test

import (
	"crypto/tls"
	"fmt"
	"math/big"
	"os"
	"sync/atomic"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/certs"
)

// overwrite puts one pair's files in the place of another's.
func overwrite(t *testing.T, old, with certs.Pair) {
	t.Helper()
	for from, to := range map[string]string{with.Cert: old.Cert, with.Key: old.Key} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// serial is the number of a pair's certificate.
func serial(t *testing.T, p certs.Pair) *big.Int {
	t.Helper()
	cert, err := certs.LoadPair(p)
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.SerialNumber
}

func TestARenewedCertificateIsShownToNodesWithoutAReload(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	of := apptest.NewAuthority(t)
	var shown atomic.Pointer[big.Int]
	o := of.Server("127.0.0.1")
	o.ClientAuth, o.ClientCAs = tls.RequireAndVerifyClientCert, of.Pool()
	o.VerifyConnection = func(state tls.ConnectionState) error {
		shown.Store(state.PeerCertificates[0].SerialNumber)
		return nil
	}
	node, first, next := apptest.SecureNode(t, "reverb-1", nil, o), of.Issue("fermata"), of.Issue("fermata")
	s := apptest.NewFront(t, nil, fmt.Sprintf("nodes: [{name: reverb-1, url: %q, tls: {ca: %q, client_cert: %q, client_key: %q}}]\n",
		node.URL(), of.File, first.Cert, first.Key))
	f := func(want *big.Int) { // soon: a check may just be under way, with the one before
		t.Helper()
		s.Eventually(fmt.Sprintf("certificate %d is shown", want), func() bool {
			s.Dial()
			return shown.Load().Cmp(want) == 0
		})
	}
	f(serial(t, first))
	s.Bystander()

	overwrite(t, first, next)
	if line := s.Logs.Wait(t, "certificate"); line["node"] != "reverb-1" {
		t.Errorf("got %v, want a line that names the node", line)
	}
	f(serial(t, next))

	if err := os.WriteFile(first.Cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Logs.Wait(t, "new files of a node's tls not taken over, the old ones stay")
	f(serial(t, next))
}
