package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/admin/endpoint"
	"fermata/internal/connlimit"
	"fermata/internal/secret"
)

var exposition = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fermata_metric 1") })

func twoNodes() *admintest.Control {
	return admintest.New(
		admin.Node{Name: "reverb-1", Connections: 10, MaxConnections: 950},
		admin.Node{Name: "reverb-2", Connections: 20},
	)
}

// ask sends one request to a Server on 127.0.0.1:9000; each header is
// "Name: value", and Host is one of them.
func ask(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:9000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func server(control admin.Control, token string) *admin.Server {
	o := endpoint.Options{Address: "127.0.0.1:9000", Token: secret.Text(token)}
	return admin.New(o, control, exposition)
}

func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, code, message string) {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("got the body %q, want an error as JSON: %v", w.Body, err)
	}
	if w.Code != status || body.Error.Code != code || !strings.Contains(body.Error.Message, message) {
		t.Errorf("got %d %s %q, want %d %s %q", w.Code, body.Error.Code, body.Error.Message, status, code, message)
	}
}

func TestNodesAreListedAsTheContractHasThem(t *testing.T) {
	w := ask(server(twoNodes(), ""), "GET", "/v1/nodes", "")
	want := `{
  "nodes": [
    {
      "name": "reverb-1",
      "url": "http://10.0.0.1:8080",
      "health": "up",
      "reason": "connected",
      "state": "ready",
      "connections": 10,
      "max_connections": 950,
      "weight": 1,
      "drain": null
    },`
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
		t.Errorf("got %d\n%s\nwant 200\n%s", w.Code, w.Body, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("got Content-Type %q, want application/json", got)
	}
}

func TestNoNodesAreAnEmptyList(t *testing.T) {
	w := ask(server(admintest.New(), ""), "GET", "/v1/nodes", "")
	if got := strings.Join(strings.Fields(w.Body.String()), ""); got != `{"nodes":[]}` {
		t.Errorf("got %s, want an empty list", got)
	}
}

func TestOneNodeIsFoundByItsName(t *testing.T) {
	s := server(admintest.New(admin.Node{Name: "a/b c"}), "")
	if w := ask(s, "GET", "/v1/nodes/a%2Fb%20c", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "a/b c") {
		t.Errorf("got %d %s, want the node", w.Code, w.Body)
	}
	wantError(t, ask(s, "GET", "/v1/nodes/nope", ""), 404, "unknown_node", `no such node: "nope"`)
}

func TestDrainPassesOnWhatWasGivenAndNothingElse(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	w := ask(s, "POST", "/v1/nodes/reverb-1/drain", `{"rate":7,"grace":"3s"}`)
	var node admin.Node
	if err := json.Unmarshal(w.Body.Bytes(), &node); err != nil || w.Code != 200 {
		t.Fatalf("got %d %s, want a node", w.Code, w.Body)
	}
	if node.State != admin.StateDraining || node.Drain == nil || node.Drain.Rate != 7 {
		t.Errorf("got %+v, want it draining at 7", node)
	}
	got := control.Requests()[0]
	if *got.Rate != 7 || got.Grace.String() != "3s" || got.Deadline != nil || got.CloseCode != nil || got.Force || got.DryRun {
		t.Errorf("got the request %+v, want the rate and the grace only", got)
	}
}

func TestBodiesMayBeMissing(t *testing.T) {
	s := server(twoNodes(), "")
	for _, path := range []string{"/v1/nodes/reverb-1/drain", "/v1/nodes/reverb-1/undrain", "/v1/reload"} {
		for _, body := range []string{"", "{}"} {
			if w := ask(s, "POST", path, body); w.Code != 200 {
				t.Errorf("%s with %q: got %d %s, want 200", path, body, w.Code, w.Body)
			}
		}
	}
}

func TestBadBodiesAreRefusedInASentence(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	refuse := func(body, message string) {
		t.Helper()
		wantError(t, ask(s, "POST", "/v1/nodes/reverb-1/drain", body), 400, "bad_input", message)
	}
	refuse(`{"rat":1}`, `unknown field "rat"`)
	refuse(`{"rate":"fast"}`, "rate: got string, want a whole number")
	refuse(`{"rate":1.5}`, "rate: got number 1.5, want a whole number")
	refuse(`{"rate":-1}`, "rate: got -1, want 0 (all at once) or more")
	refuse(`{"force":"yes"}`, "force: got string, want true or false")
	refuse(`{"grace":10}`, `grace: got number, want text such as "30s"`)
	refuse(`{"grace":"soon"}`, `got "soon", want a duration`)
	refuse(`{"grace":"-1s"}`, "grace: got -1s, want 0s or more")
	refuse(`{"deadline":"0s"}`, "deadline: got 0s, want more than 0s")
	refuse(`{"grace":"2m","deadline":"1m"}`, "grace: got 2m0s, want at most the deadline of 1m0s")
	refuse(`{"close_code":4001}`, "close_code: got 4001, want 4200–4299")
	refuse(`{"close_code":1006}`, "close_code: got 1006, want 4200–4299")
	refuse(`[]`, "body: got array, want a JSON object")
	refuse(`{"rate":1} {}`, "got more behind the JSON object")
	refuse(`{"rate":1`, "unexpected EOF")
	refuse(`rate=1`, "invalid character")
	refuse(strings.Repeat(" ", 64<<10)+"{}", "got more than 65536 bytes")
	if got := control.Requests(); len(got) != 0 {
		t.Errorf("got %d drains, want none", len(got))
	}
}

func TestBodiesOfFormsAreRefused(t *testing.T) {
	s := server(twoNodes(), "")
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";"} {
		for _, body := range []string{"", "{}"} {
			w := ask(s, "POST", "/v1/nodes/reverb-1/drain", body, "Content-Type: "+kind)
			wantError(t, w, 400, "bad_input", "want application/json")
		}
	}
	wantError(t, ask(s, "POST", "/v1/reload", "{}", "Content-Type: "), 400, "bad_input", "got none")
	wantError(t, ask(s, "POST", "/v1/reload", `{"x":1}`), 400, "bad_input", `unknown field "x"`)
	if w := ask(s, "POST", "/v1/reload", "{}", "Content-Type: application/json; charset=utf-8"); w.Code != 200 {
		t.Errorf("got %d %s, want a charset to be no mistake", w.Code, w.Body)
	}
}

func TestUnknownNodesAreNotFound(t *testing.T) {
	s := server(twoNodes(), "")
	wantError(t, ask(s, "POST", "/v1/nodes/nope/drain", ""), 404, "unknown_node", "nope")
	wantError(t, ask(s, "POST", "/v1/nodes/nope/undrain", ""), 404, "unknown_node", "nope")
}

func TestTheLastNodeIsDrainedOnlyByForce(t *testing.T) {
	s := server(admintest.New(admin.Node{Name: "only"}), "")
	wantError(t, ask(s, "POST", "/v1/nodes/only/drain", ""), 409, "refused", "no usable node would be left")
	if w := ask(s, "POST", "/v1/nodes/only/drain", `{"force":true}`); w.Code != 200 {
		t.Errorf("got %d %s, want 200", w.Code, w.Body)
	}
}

func TestReloadAnswersWithEveryMistake(t *testing.T) {
	control := twoNodes()
	control.ReloadError = errors.New("fermata.yaml:3: nodes: got none\nfermata.yaml:9: drain.rate: got -1")
	wantError(t, ask(server(control, ""), "POST", "/v1/reload", ""), 422, "bad_configuration", control.ReloadError.Error())
}

func TestExplainTakesAnAddressOrACookieOrBoth(t *testing.T) {
	s := server(twoNodes(), "")
	explain := func(query, reason string) {
		t.Helper()
		w := ask(s, "GET", "/v1/explain?"+query, "")
		var got admin.Explanation
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Reason != reason {
			t.Errorf("%s: got %d %s, want the reason %s", query, w.Code, w.Body, reason)
		}
	}
	explain("ip=10.1.2.3", `ip 10.1.2.3, cookie ""`)
	explain("ip=::ffff:10.1.2.3&cookie=x", `ip 10.1.2.3, cookie "x"`)
	explain("cookie=a%20b", `ip invalid IP, cookie "a b"`)
	wantError(t, ask(s, "GET", "/v1/explain", ""), 400, "bad_input", "neither ip nor cookie")
	wantError(t, ask(s, "GET", "/v1/explain?ip=10.1.2", ""), 400, "bad_input", `ip: got "10.1.2"`)
}

func TestWrongMethodsAndPathsAreErrorsAsJSON(t *testing.T) {
	s := server(twoNodes(), "")
	for path, method := range map[string]string{
		"/v1/nodes": "POST", "/v1/nodes/reverb-1": "DELETE", "/v1/nodes/reverb-1/drain": "GET", "/v1/nodes/reverb-1/undrain": "PUT",
		"/v1/reload": "GET", "/v1/explain": "POST", "/v1/events": "POST", "/v1/live": "POST", "/v1/history": "PUT", "/metrics": "POST", "/": "POST",
	} {
		w := ask(s, method, path, "")
		wantError(t, w, 405, "method_not_allowed", "got "+method)
		if w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: got no Allow header", method, path)
		}
	}
	for _, path := range []string{"/nope", "/v1", "/v1/nodes/reverb-1/nope", "/web/"} {
		wantError(t, ask(s, "GET", path, ""), 404, "not_found", "no such path")
	}
	if w := ask(s, "GET", "/web/nope.js", ""); w.Code != 404 {
		t.Errorf("got %d, want 404", w.Code)
	}
}

func TestMetricsAndHealthAreServed(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	check := func(path string, status int, body string) {
		t.Helper()
		if w := ask(s, "GET", path, ""); w.Code != status || w.Body.String() != body {
			t.Errorf("%s: got %d %q, want %d %q", path, w.Code, w.Body, status, body)
		}
	}
	check("/metrics", 200, "fermata_metric 1\n")
	check("/healthz", 200, "ok\n")
	check("/readyz", 200, "ready\n")
	control.Unready = true
	check("/healthz", 200, "ok\n")
	check("/readyz", 503, "not ready\n")
}

func TestTheDashboardIsServedWithStrictHeaders(t *testing.T) {
	s := server(twoNodes(), "secret")
	for path, kind := range map[string]string{
		"/": "text/html", "/web/dashboard.css": "text/css", "/web/dashboard.js": "text/javascript",
		"/web/vendor/uplot/uPlot.iife.min.js": "text/javascript", "/web/vendor/uplot/LICENSE": "text/plain", "/web/fermata.svg": "image/svg+xml",
	} {
		w := ask(s, "GET", path, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: got %d %s, want 200 %s", path, w.Code, w.Header().Get("Content-Type"), kind)
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got the policy %q, want a strict one", path, csp)
		}
		if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: got X-Content-Type-Options %q, want nosniff", path, got)
		}
	}
	page := ask(s, "GET", "/", "").Body.String()
	for _, inline := range []string{"<style", "style=", "onclick=", "<script>"} {
		if strings.Contains(page, inline) {
			t.Errorf("got %s in the page, want nothing inline", inline)
		}
	}
}

func TestTheServerWorksOverASocket(t *testing.T) {
	base := start(t, server(twoNodes(), ""))
	response, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "ok\n" {
		t.Errorf("got %q, want ok", body)
	}
}

// start runs s on loopback until the test ends, and returns its URL.
func start(t *testing.T, s *admin.Server) string {
	t.Helper()
	listener, err := endpoint.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s, listener)
	return "http://" + listener.Addr().String()
}

// serve runs s on the listener until stop is called or the test ends.
func serve(t *testing.T, s *admin.Server, listener net.Listener) (stop func()) {
	web := s.HTTPServer(connlimit.New(func() int { return 100 }, true, nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		web.Serve(listener)
	}()
	stop = func() {
		web.Close()
		<-done
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return stop
}
