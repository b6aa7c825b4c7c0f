package proxy

import (
	"net/http"
	"strings"
	"testing"
)

var claimed = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Ssl",
	"X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
	"X-Client-IP", "X-Cluster-Client-IP", "X-Original-Forwarded-For", "Fly-Client-IP", "X-Scheme", "WL-Proxy-Client-IP", "Client-IP",
	"X_Forwarded_For", "X_FORWARDED-FOR", "x-forwarded_for", "X_Real_IP", "True_Client-IP", "CF_Connecting_IP", "X.Forwarded.For", "X~Real~IP",
}

func TestWhatAStrangerSaysAboutItselfReachesNoNode(t *testing.T) {
	lines := []string{"GET / HTTP/1.1", "Host: a"}
	for _, name := range claimed {
		lines = append(lines, name+": 10.9.9.9")
	}
	for _, name := range []string{"X-Stays", "Under_score", "Cookie", "X-Forward", "Client-Version", "X-Socket-Id"} {
		lines = append(lines, name+": 1")
	}
	r := read(t, lines...)
	header := r.Header.Clone()
	newClient(r, new(Options)).setForwarded(header, r)
	sameHeader(t, header, http.Header{
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"a"},
		"X-Stays": {"1"}, "Under_score": {"1"}, "Cookie": {"1"}, "X-Forward": {"1"}, "Client-Version": {"1"}, "X-Socket-Id": {"1"},
	})
}

func TestWhatATrustedProxySaysAboutAClientStays(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: a", "X-Real-IP: 203.0.113.9", "X-Forwarded-Port: 443", "CF-Connecting-IP: 203.0.113.9",
		"X_Forwarded_For: 10.9.9.9", "X_Real-IP: 10.9.9.9", "Under_score: 1")
	header := r.Header.Clone()
	newClient(r, trusting(t, "192.0.2.0/24")).setForwarded(header, r)
	sameHeader(t, header, http.Header{
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"a"},
		"X-Real-Ip": {"203.0.113.9"}, "X-Forwarded-Port": {"443"}, "Cf-Connecting-Ip": {"203.0.113.9"}, "Under_score": {"1"},
	})
}

func TestOnlyLettersDigitsAndDashesStandForThemselvesInAFieldsName(t *testing.T) {
	const usual = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for r := rune(0); r < 256; r++ {
		if got, want := isOdd(r), !strings.ContainsRune(usual, r); got != want {
			t.Errorf("%q: got odd %v, want %v", r, got, want)
		}
	}
}
