package proxy_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// spans takes what is sent by OTLP.
type spans struct {
	t   *testing.T
	url string

	mu   sync.Mutex
	all  []*otlp.Span
	down bool
}

func collect(t *testing.T) *spans {
	s := &spans{t: t}
	server := httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *spans) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(text, &request); err != nil || r.URL.Path != "/v1/traces" {
		s.t.Errorf("got %s with %v, want spans at /v1/traces", r.URL.Path, err)
	}
	if s.down {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	for _, of := range request.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			s.all = append(s.all, scope.Spans...)
		}
	}
}

// await waits until one of that name has come, and with it those that have ended
// before: at a stop the last ones have 100 ms, which a busy machine does not keep.
func (s *spans) await(name string) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(apptest.Timeout); len(s.ended(name)) == 0; <-tick.C {
		if time.Now().After(end) {
			s.t.Fatalf("got no span called %q in %s", name, apptest.Timeout)
		}
	}
}

// ended are the spans of that name that have come.
func (s *spans) ended(name string) (found []*otlp.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

// one is the only span of that name.
func (s *spans) one(name string) *otlp.Span {
	s.t.Helper()
	found := s.ended(name)
	if len(found) != 1 {
		s.t.Fatalf("got %d spans called %q, want 1", len(found), name)
	}
	return found[0]
}

// wants looks at attributes, each as KEY=VALUE.
func (s *spans) wants(span *otlp.Span, attributes ...string) {
	s.t.Helper()
	got := map[string]bool{}
	for _, a := range span.Attributes {
		v := a.Value
		got[fmt.Sprintf("%s=%s%d", a.Key, v.GetStringValue(), v.GetIntValue())] = true
	}
	for _, want := range attributes {
		if !got[want] && !got[want+"0"] {
			s.t.Errorf("span %s: got %v, want %s", span.Name, got, want)
		}
	}
}

// tracing is the configuration that sends all spans there.
func (s *spans) tracing() string { return "tracing: {endpoint: '" + s.url + "', sample: 1}\n" }

func TestAnUpgradeIsATraceThatItsNodeGoesOnWith(t *testing.T) {
	t.Parallel()
	c := collect(t)
	s := apptest.New(t, 1, c.tracing())
	theirs := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w := s.Wire(apptest.WireUpgrade + "traceparent: " + theirs + "\r\ntracestate: a=b\r\n\r\n")
	if r, body := w.Answer(); r.StatusCode != 101 {
		t.Fatalf("got %d %s, want 101", r.StatusCode, body)
	}
	header := s.Nodes[0].LastRequest(apptest.WirePath).Header
	c.await("upgrade")
	s.Stop()
	upgrade, ask := c.one("upgrade"), c.one("ask node")
	c.wants(upgrade, "http.response.status_code=101", "client.address=127.0.0.1", "url.path="+apptest.WirePath)
	c.wants(ask, "fermata.node=reverb-1", "fermata.result=ok", "fermata.pick=hash")
	if string(ask.ParentSpanId) != string(upgrade.SpanId) || len(upgrade.ParentSpanId) > 0 {
		t.Error("want the node asked in the upgrade, which begins the trace")
	}
	if len(upgrade.Links) != 1 || hex.EncodeToString(upgrade.Links[0].TraceId) != theirs[3:35] {
		t.Errorf("got the links %v, want one to the stranger's trace", upgrade.Links)
	}
	want := fmt.Sprintf("00-%x-%x-01", upgrade.TraceId, upgrade.SpanId)
	if got := header.Get("Traceparent"); got != want || header.Get("Tracestate") != "" {
		t.Errorf("the node got %s with the state %q, want %s alone", got, header.Get("Tracestate"), want)
	}
}

func TestATrustedProxysTraceGoesOn(t *testing.T) {
	t.Parallel()
	c := collect(t)
	s := apptest.New(t, 1, c.tracing()+"trusted_proxies: [127.0.0.1]\n")
	if r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"); r.StatusCode != 200 {
		t.Fatalf("got %d, want 200", r.StatusCode)
	}
	if r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\ntraceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n"); r.StatusCode != 200 {
		t.Fatalf("got %d, want 200", r.StatusCode)
	}
	c.await("request")
	s.Stop()
	request := c.one("request") // of the other one nobody wants to know
	c.wants(request, "http.response.status_code=200", "http.request.method=GET")
	if got := hex.EncodeToString(request.TraceId); got != "0af7651916cd43dd8448eb211c80319c" || hex.EncodeToString(request.ParentSpanId) != "b7ad6b7169203331" {
		t.Errorf("got %s, want the proxy's trace", got)
	}
}

func TestAStrangerCannotHaveEverythingTraced(t *testing.T) {
	t.Parallel()
	c := collect(t)
	s := apptest.New(t, 1, strings.Replace(c.tracing(), "sample: 1", "sample: 0", 1))
	s.Ask("GET /up HTTP/1.1\r\nHost: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
	s.Stop()
	if got := c.ended("request"); len(got) > 0 {
		t.Errorf("got %v, want no span", got)
	}
}

func TestWithoutTracingATraceparentIsPassedOnAsItIs(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s.Wire(apptest.WireUpgrade + "traceparent: " + theirs + "\r\n\r\n").Answer()
	if got := s.Nodes[0].LastRequest(apptest.WirePath).Header.Get("Traceparent"); got != theirs {
		t.Errorf("got %q, want %q", got, theirs)
	}
}

func TestADrainIsATraceWithTheMovesOfItsSessions(t *testing.T) {
	t.Parallel()
	c := collect(t)
	s := apptest.New(t, 2, strings.Replace(c.tracing(), "sample: 1", "sample: 0", 1)+known)
	a := subscribe(t, s, "room")
	s.DrainWhole(a.Node, admin.DrainRequest{})
	s.Logs.Wait(t, "drained") // its span has ended by then, and is what it was
	c.await("drain")
	s.Stop()
	drain, move := c.one("drain"), c.one("move")
	c.wants(drain, "fermata.node="+a.Node, "fermata.clients=1", "fermata.moved=1", "fermata.closed=0")
	c.wants(move, "fermata.from="+a.Node)
	if string(move.ParentSpanId) != string(drain.SpanId) || move.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("got %v, want a move in the drain that has succeeded", move)
	}
	if ask := c.one("ask node"); string(ask.ParentSpanId) != string(move.SpanId) {
		t.Errorf("got %v, want it in the move", ask)
	}
}

func TestAClientThatNoNodeTakesIsAnErrorInItsTrace(t *testing.T) {
	t.Parallel()
	c := collect(t)
	s := apptest.NewFront(t, []string{apptest.Refusing(t)}, c.tracing())
	s.Wire(apptest.WireUpgrade + "\r\n").Answer()
	c.await("upgrade")
	s.Stop()
	if upgrade := c.one("upgrade"); upgrade.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR || upgrade.Status.GetMessage() != "no usable node" {
		t.Errorf("got %v, want an error: no usable node", upgrade.Status)
	}
}

func TestSpansThatNobodyTakesAreToldAndHoldUpNothing(t *testing.T) {
	t.Parallel()
	c := collect(t)
	c.down = true
	s := apptest.New(t, 1, c.tracing())
	s.Dial().Answers()
	s.WaitMetric("fermata_spans_unsent_total 1")
	if line := s.Logs.Wait(t, "spans not sent"); line["endpoint"] != c.url {
		t.Errorf("got %v, want the endpoint in it", line)
	}
}
