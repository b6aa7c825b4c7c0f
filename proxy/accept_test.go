package proxy

import (
	"net/http"
	"testing"
)

func TestWhatIsNoRequestForANodeIsRefused(t *testing.T) {
	check := func(line string, want int) {
		t.Helper()
		if got, wrong := checkRequest(read(t, line, "Host: a")); got != want || (wrong == "") != (want == 0) {
			t.Errorf("%s: got %d %q, want %d", line, got, wrong, want)
		}
	}
	for _, line := range []string{
		"GET / HTTP/1.1", "GET /up HTTP/1.0", "POST /a?b HTTP/1.1", "PURGE /a HTTP/1.1", "HEAD //a HTTP/1.1", "OPTIONS /* HTTP/1.1",
		"GET http://a/b HTTP/1.1", "GET HTTPS://a:443 HTTP/1.1", "GET ws://a?b HTTP/1.1", "GET wss://user@a/ HTTP/1.1",
	} {
		check(line, 0)
	}
	for _, line := range []string{
		"CONNECT a:443 HTTP/1.1", "CONNECT /a HTTP/1.1", "CONNECT http://a/ HTTP/1.1", "TRACE / HTTP/1.1", "TRACK / HTTP/1.1",
	} {
		check(line, http.StatusMethodNotAllowed)
	}
	for _, line := range []string{
		"GET * HTTP/1.1", "OPTIONS * HTTP/1.1", "POST * HTTP/1.0", "GET http:a HTTP/1.1", "GET mailto:a HTTP/1.1", "GET http:///a HTTP/1.1",
		"GET ftp://a/b HTTP/1.1", "GET file:///etc/passwd HTTP/1.1", "GET http:/a HTTP/1.1",
	} {
		check(line, http.StatusBadRequest)
	}
	check("PRI * HTTP/1.1", http.StatusNotImplemented)
	check("PRI / HTTP/1.1", http.StatusNotImplemented)
	check("PRI * HTTP/2.0", http.StatusHTTPVersionNotSupported)
}
