package devnode

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestASuccessIsHTTP10WithALengthAndThenAFIN(t *testing.T) {
	n := start(t, Options{})
	got := exchange(t, n, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
	for _, want := range []string{"HTTP/1.0 200 OK\r\n", "Content-Length: 15\r\n", "\r\n\r\n{\"health\":\"OK\"}"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestAnErrorIsHTTP11WithoutALength(t *testing.T) {
	n := start(t, Options{})
	f := func(request, want string) {
		t.Helper()
		got := exchange(t, n, request)
		if !strings.HasPrefix(got, "HTTP/1.1 "+want) || strings.Contains(got, "Content-Length") {
			t.Errorf("got %q, want HTTP/1.1 %s and no Content-Length", got, want)
		}
	}
	f("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "404")
	f("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405")
	f("GET /app/"+DefaultAppKey+" HTTP/1.1\r\nHost: a\r\n\r\n", "500")
	f("GET /up HTTP/1.1\r\n\r\n", "400")
	f("nonsense\r\n\r\n", "500")
	f("GET /nowhere HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "404")
}

func TestARequestOfTenThousandBytesIsTooLarge(t *testing.T) {
	n := start(t, Options{})
	f := func(size int, want string) {
		t.Helper()
		frame := "GET /up HTTP/1.1\r\nHost: a\r\nX-Fill: %s\r\n\r\n"
		fill := strings.Repeat("x", size-len(frame)+len("%s"))
		if got := exchange(t, n, fmt.Sprintf(frame, fill)); !strings.HasPrefix(got, want) {
			t.Errorf("%d bytes: got %.40q, want %q", size, got, want)
		}
	}
	f(9_999, "HTTP/1.0 200")
	f(10_000, "HTTP/1.1 413")
	f(20_000, "HTTP/1.1 413")
}

func TestAnUpgradeOfTenThousandBytesIsTooLarge(t *testing.T) {
	n := start(t, Options{})
	request := strings.Replace(handshake(DefaultAppKey), "\r\n\r\n", "\r\nX-Fill: "+strings.Repeat("x", 10_000)+"\r\n\r\n", 1)
	if got := exchange(t, n, request); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Errorf("got %.40q, want 413", got)
	}
}

func TestEventsNeedASignatureOverMethodPathQueryAndBody(t *testing.T) {
	n := start(t, Options{})
	const body, path = `{"name":"e","channel":"c","data":"d"}`, "/apps/" + DefaultAppID + "/events"
	good := Sign("POST", path, url.Values{"info": {"x"}}, []byte(body), DefaultAppKey, DefaultAppSecret)
	f := func(method, path string, query url.Values, body string, want int) {
		t.Helper()
		if got, answer := plain(t, n, method, path+"?"+query.Encode(), body); got != want {
			t.Errorf("got %d %s, want %d", got, answer, want)
		}
	}
	changed := func(name, value string) url.Values {
		query := url.Values{}
		for k, v := range good {
			query[k] = v
		}
		query.Set(name, value)
		return query
	}
	f("POST", path, good, body, http.StatusOK)
	f("POST", "/apps/"+DefaultAppID+"/batch_events", good, body, http.StatusUnauthorized)
	f("POST", path, changed("info", "y"), body, http.StatusUnauthorized)
	f("POST", path, changed("more", ""), body, http.StatusUnauthorized)
	f("POST", path, good, body+" ", http.StatusUnauthorized)
	f("POST", path, nil, body, http.StatusUnauthorized)
	f("POST", "/apps/other/events", good, body, http.StatusNotFound)
	if got := n.Stats().Published; got != 1 {
		t.Errorf("published %d events, want 1", got)
	}
}

func TestAChunkedBodyFailsTheSignature(t *testing.T) {
	n := start(t, Options{})
	const body, path = `{"name":"e","channel":"c","data":"d"}`, "/apps/" + DefaultAppID + "/events"
	query := Sign("POST", path, nil, []byte(body), DefaultAppKey, DefaultAppSecret).Encode()
	head := "POST " + path + "?" + query + " HTTP/1.1\r\nHost: a\r\n"
	chunked := fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)
	if got := exchange(t, n, chunked); !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("got %q, want 401", got)
	}
	whole := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	if got := exchange(t, n, whole); !strings.HasPrefix(got, "HTTP/1.0 200") {
		t.Errorf("with a length: got %q, want 200", got)
	}
}

func TestExpectContinueIsNotAnswered(t *testing.T) {
	n := start(t, Options{})
	const body, path = `{"name":"e","channel":"c","data":"d"}`, "/apps/" + DefaultAppID + "/events"
	query := Sign("POST", path, nil, []byte(body), DefaultAppKey, DefaultAppSecret).Encode()
	c := dial(t, n, fmt.Sprintf("POST %s?%s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", path, query, len(body)))
	io.WriteString(c, body)
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.0 200") {
		t.Errorf("got %q, %v, want the 200 first of all", got, err)
	}
}

func TestTheLastRequestIsKeptAsItCame(t *testing.T) {
	n := start(t, Options{})
	exchange(t, n, "GET /up?a=%41&b HTTP/1.1\r\nHost: ws.example.com\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
	r := n.LastRequest("/up")
	if r == nil || r.RequestURI != "/up?a=%41&b" || r.Host != "ws.example.com" || r.Header.Get("X-Forwarded-For") != "192.0.2.1" {
		t.Errorf("got %+v", r)
	}
	if n.LastRequest("/other") != nil {
		t.Error("got a request that was never made")
	}
}

func TestThePrefixIsBeforeEveryRoute(t *testing.T) {
	n := start(t, Options{Prefix: "/reverb"})
	if got, _ := plain(t, n, "GET", "/up", ""); got != http.StatusNotFound {
		t.Errorf("without the prefix: got %d, want 404", got)
	}
	if got, _ := plain(t, n, "GET", "/reverb/up", ""); got != http.StatusOK {
		t.Errorf("with it: got %d, want 200", got)
	}
	if got, answer := call(t, n, "GET", "/apps/"+DefaultAppID+"/connections", nil, ""); got != http.StatusOK {
		t.Errorf("got %d %s, want 200", got, answer)
	}
	greeted(t, n)
}
