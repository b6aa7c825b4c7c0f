package admin_test

import (
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/endpoint"
)

func TestATokenIsAskedForWhereItMatters(t *testing.T) {
	s := server(twoNodes(), "secret")
	for _, path := range []string{"/v1/nodes", "/v1/nodes/reverb-1", "/v1/explain?ip=10.0.0.1", "/metrics", "/v1/events", "/nope", "/v1/reload"} {
		w := ask(s, "GET", path, "")
		wantError(t, w, 401, "unauthorized", "want the header Authorization: Bearer TOKEN")
		if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
			t.Errorf("%s: got WWW-Authenticate %q, want Bearer", path, got)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/", "/web/dashboard.js"} {
		if w := ask(s, "GET", path, ""); w.Code != 200 {
			t.Errorf("%s: got %d, want 200 without a token", path, w.Code)
		}
	}
}

func TestOnlyTheRightTokenWorks(t *testing.T) {
	s := server(twoNodes(), "secret")
	for _, wrong := range []string{"Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer  secret", "Bearer [hidden]"} {
		wantError(t, ask(s, "POST", "/v1/nodes/reverb-1/drain", "", "Authorization: "+wrong), 401, "unauthorized", "token")
	}
	for _, right := range []string{"Bearer secret", "bearer secret"} {
		if w := ask(s, "GET", "/v1/nodes", "", "Authorization: "+right); w.Code != 200 {
			t.Errorf("%s: got %d, want 200", right, w.Code)
		}
	}
}

func TestOnlyOurOwnHostIsAnswered(t *testing.T) {
	check := func(address, host string, want int) {
		t.Helper()
		s := admin.New(endpoint.Options{Address: address}, twoNodes(), exposition)
		if w := ask(s, "GET", "/v1/nodes", "", "Host: "+host); w.Code != want {
			t.Errorf("listening on %s, Host %q: got %d, want %d", address, host, w.Code, want)
		}
	}
	for _, host := range []string{"127.0.0.1:9000", "127.0.0.1", "127.8.8.8:1", "localhost", "localhost:9000", "[::1]:9000", "[::1]", ""} {
		check("127.0.0.1:9000", host, 200)
	}
	for _, host := range []string{"evil.example", "evil.example:9000", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.0.0.1@evil.example", "[::1].evil.example"} {
		check("127.0.0.1:9000", host, 403)
	}
	check("lb-1.internal:9000", "LB-1.internal:9000", 200)
	check("lb-1.internal:9000", "lb-2.internal:9000", 403)
	check("10.0.0.1:9000", "10.0.0.1:9000", 200)
	check("10.0.0.1:9000", "10.0.0.2:9000", 403)
	check(":9000", "10.0.0.1:9000", 200)
	check("[::]:9000", "evil.example", 403)
	check("unix:/run/fermata/admin.sock", "anything", 200)
}

func TestAWebPageElsewhereCanDoNothing(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	refuse := func(headers ...string) {
		t.Helper()
		wantError(t, ask(s, "POST", "/v1/nodes/reverb-1/drain", "", headers...), 403, "forbidden", "web page elsewhere")
		wantError(t, ask(s, "GET", "/v1/nodes", "", headers...), 403, "forbidden", "web page elsewhere")
	}
	refuse("Origin: https://evil.example")
	refuse("Origin: http://127.0.0.1:3000")
	refuse("Origin: http://localhost:9000") // the Host is 127.0.0.1:9000
	refuse("Origin: null")
	refuse("Sec-Fetch-Site: cross-site")
	refuse("Sec-Fetch-Site: same-site")
	refuse("Origin: http://127.0.0.1:9000", "Sec-Fetch-Site: same-site")
	refuse("Origin: https://evil.example", "Sec-Fetch-Site: same-origin")
	refuse("Origin: https://evil.example", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: cross-site")
	wantError(t, ask(s, "POST", "/v1/reload", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), 403, "forbidden", "web page")
	// A name that evil.example points at us: origin and host agree.
	wantError(t, ask(s, "POST", "/v1/nodes/reverb-1/drain", "", "Host: evil.example:9000", "Origin: http://evil.example:9000"), 403, "forbidden", "Host")
	if got := control.Requests(); len(got) != 0 {
		t.Errorf("got %d drains, want none", len(got))
	}
}

func TestOurOwnPageAndLinksToItWork(t *testing.T) {
	s := server(twoNodes(), "")
	own := []string{"Origin: http://127.0.0.1:9000", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"}
	if w := ask(s, "POST", "/v1/nodes/reverb-1/drain", "{}", own...); w.Code != 200 {
		t.Errorf("our own page: got %d %s, want 200", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/", "", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"); w.Code != 200 {
		t.Errorf("a typed address: got %d, want 200", w.Code)
	}
	if w := ask(s, "GET", "/", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"); w.Code != 200 {
		t.Errorf("a link elsewhere: got %d, want 200", w.Code)
	}
}
