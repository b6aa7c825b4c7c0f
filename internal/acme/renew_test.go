//go:build unix

package acme

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	rfc8555 "github.com/mholt/acmez/v3/acme"

	"fermata/internal/certs"
	"fermata/internal/lab/pebble"
)

// between stands before the site's CA, and changes its answers.
func (s *site) between(change func(*http.Response) error) {
	s.t.Helper()
	pair, err := certs.WriteSelfSigned(s.t.TempDir(), []string{"127.0.0.1"}, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	to := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Transport: to, ModifyResponse: change,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: s.ca.Address})
			r.Out.Host = r.In.Host // so that the CA's links lead here
		},
	})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	s.t.Cleanup(server.Close)
	s.options.CA, s.options.CARoot = server.URL+"/dir", pair.Cert
}

// answers makes it a problem of ACME.
func answers(r *http.Response, status int, kind, detail string) {
	text := fmt.Sprintf(`{"type": "urn:ietf:params:acme:error:%s", "status": %d, "detail": %q}`, kind, status, detail)
	r.StatusCode, r.Status = status, http.StatusText(status)
	r.Header.Set("Content-Type", "application/problem+json")
	r.Header.Del("Content-Length")
	r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(text))
}

func TestARateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	var until atomic.Pointer[time.Time]
	s.between(func(r *http.Response) error {
		if !strings.HasPrefix(r.Request.URL.Path, "/order-plz") {
			return nil
		}
		first := time.Now().Add(4 * time.Second).UTC().Truncate(time.Second)
		if until.CompareAndSwap(nil, &first) || time.Now().Before(*until.Load()) {
			answers(r, http.StatusTooManyRequests, "rateLimited", "too many certificates, retry after "+until.Load().Format(time.DateTime)+" UTC: see the documentation")
		}
		return nil
	})
	s.order()
	got := s.next(s.failed)
	if !got.Next.Equal(*until.Load()) || !strings.HasPrefix(got.Reason, "rateLimited: too many") {
		t.Errorf("got %+v, want the next attempt at %v", got, until.Load())
	}
	if got := s.next(s.served); !got.Issued || len(s.failed) > 0 {
		t.Errorf("got %+v, want one that was issued at the second attempt", got)
	}
}

func TestARateLimitWithoutATimeIsWaitedForAnHour(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	s.between(func(r *http.Response) error {
		if strings.HasPrefix(r.Request.URL.Path, "/order-plz") {
			answers(r, http.StatusTooManyRequests, "rateLimited", "too many")
		}
		return nil
	})
	s.order()
	if wait := time.Until(s.next(s.failed).Next); wait < 50*time.Minute || wait > limitedPause {
		t.Errorf("got a wait of %v, want an hour", wait)
	}
}

func TestAShortLivedCertificateIsRenewedInTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{Validity: 20 * time.Second})
	s.listen()
	s.order()
	first := s.next(s.served)
	before := s.shown()
	second := s.next(s.served)
	if !second.Issued || !second.NotAfter.After(first.NotAfter) || !time.Now().Before(first.NotAfter) {
		t.Errorf("got %+v after %+v, want another one before its end", second, first)
	}
	if s.leaf().Equal(before.ConnectionState().PeerCertificates[0]) {
		t.Error("got the old certificate, want the new one")
	}
	if err := before.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Error(err)
	}
}

// renewalAsked has the CA's renewal information asked for at every look, not each six
// hours.
func renewalAsked(r *http.Response) error {
	if strings.Contains(r.Request.URL.Path, "/renewalInfo/") {
		r.Header.Set("Retry-After", "0")
	}
	return nil
}

func TestTheCASaysWhenToRenew(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	s.between(renewalAsked)
	s.order()
	s.next(s.served)
	before := s.leaf()
	s.ca.RenewNow(before)
	if got := s.next(s.served); !got.Issued || s.leaf().Equal(before) {
		t.Errorf("got %+v, want another certificate", got)
	}
	if !strings.Contains(s.ca.Log(), "/renewalInfo/") {
		t.Error("got no question for renewal information, want one")
	}
}

func TestTheOldCertificateIsServedWhileItCannotBeRenewed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{Validity: 8 * time.Second})
	s.listen()
	s.order()
	first := s.next(s.served)
	s.ca.Stop()
	failed := s.next(s.failed)
	if !failed.NotAfter.Equal(first.NotAfter) || failed.Reason == "" {
		t.Errorf("got %+v, want the end of %v, and a reason", failed, first.NotAfter)
	}
	for time.Now().Before(first.NotAfter.Add(time.Second)) {
		failed = s.next(s.failed)
	}
	if c := s.Certificate(s.domain); c == nil || !c.Leaf.NotAfter.Equal(first.NotAfter) {
		t.Errorf("got %v, want the one that has expired: clients say so then", c)
	}
}

// renewalWidened makes the window of a revoked certificate, a second that acmez takes for
// none, half an hour, as Let's Encrypt has it.
func renewalWidened(r *http.Response) error {
	renewalAsked(r)
	var info rfc8555.RenewalInfo
	if !strings.Contains(r.Request.URL.Path, "/renewalInfo/") || json.NewDecoder(r.Body).Decode(&info) != nil {
		return nil
	}
	info.SuggestedWindow.End = info.SuggestedWindow.End.Add(30 * time.Minute)
	text, err := json.Marshal(info)
	r.Header.Del("Content-Length")
	r.ContentLength, r.Body = -1, io.NopCloser(bytes.NewReader(text))
	return err
}

func TestARevokedCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	s.between(renewalWidened)
	s.order()
	s.next(s.served)
	revoked := s.leaf()
	revoker := rfc8555.Client{Directory: s.ca.Directory, HTTPClient: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}}
	key := s.Certificate(s.domain).PrivateKey.(crypto.Signer)
	if err := revoker.RevokeCertificate(t.Context(), rfc8555.Account{}, revoked, key, rfc8555.ReasonSuperseded); err != nil {
		t.Fatal(err)
	}
	if got := s.next(s.served); !got.Issued || s.leaf().Equal(revoked) {
		t.Errorf("got %+v, want another certificate", got)
	}
}
