package proxy

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A strict peer compares the names byte for byte.
func TestANodeGetsTheNamesOfTheHandshakeAsTheRFCSpellsThem(t *testing.T) {
	r := read(t, strings.Split(goodUpgrade+"\nSec-WebSocket-Protocol: a\nSec-WebSocket-Extensions: b", "\n")...)
	head := string(upgradeHead(r, newClient(r, new(Options))))
	for _, field := range []string{
		"Sec-WebSocket-Key: " + goodKey, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b",
	} {
		if strings.Count(head, "\r\n"+field+"\r\n") != 1 {
			t.Errorf("want %q once, got %q", field, head)
		}
	}
	if strings.Contains(head, "Websocket") {
		t.Errorf("got another spelling too: %q", head)
	}
}

func TestAClientGetsTheNamesOfTheHandshakeAsTheRFCSpellsThem(t *testing.T) {
	response := &http.Response{Header: http.Header{"Sec-Websocket-Accept": {"a"}, "Sec-Websocket-Protocol": {"b"}, "X-Other": {"c"}}}
	head := string((&answer{Response: response}).appendHead(nil, ""))
	for _, field := range []string{"Sec-WebSocket-Accept: a", "Sec-WebSocket-Protocol: b", "X-Other: c", "Connection: Upgrade"} {
		if strings.Count(head, "\r\n"+field+"\r\n") != 1 {
			t.Errorf("want %q once, got %q", field, head)
		}
	}
}

func TestARefusalSpellsItsNames(t *testing.T) {
	names := func(do func(http.ResponseWriter)) []string {
		w := httptest.NewRecorder()
		do(w)
		var names []string
		for name := range w.Result().Header {
			names = append(names, name)
		}
		return names
	}
	own := names(func(w http.ResponseWriter) { refuse(w, http.StatusUpgradeRequired, "") })
	if !slices.Contains(own, "Sec-WebSocket-Version") {
		t.Errorf("our own: got %v, want Sec-WebSocket-Version", own)
	}
	others := names(func(w http.ResponseWriter) {
		w = speller{w}
		w.Header().Add("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
	})
	if !slices.Equal(others, []string{"WWW-Authenticate"}) {
		t.Errorf("another's: got %v, want WWW-Authenticate", others)
	}
}
