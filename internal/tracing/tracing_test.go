package tracing

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWithoutATracerNothingIsAllocated(t *testing.T) {
	var tracer *Tracer
	r, err := http.NewRequest(http.MethodGet, "http://a/", nil)
	if err != nil {
		t.Fatal(err)
	}
	allocated := testing.AllocsPerRun(100, func() {
		same, span := tracer.StartRequest(r, "request", true)
		span.End()
		_, span = tracer.Start(context.Background(), "move")
		span.End()
		tracer.Inject(same.Context(), same.Header)
	})
	if allocated != 0 || len(r.Header) != 0 {
		t.Errorf("got %v allocations and the header %v, want none", allocated, r.Header)
	}
	tracer.Stop(0)
}

func TestAStopSendsTheLastSpans(t *testing.T) {
	sent := 0
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent++ }))
	tracer, err := New(Options{Endpoint: collector.URL, Sample: 1}, "", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracer.Start(t.Context(), "drain")
	span.End()
	tracer.Stop(time.Minute)
	collector.Close()
	if sent != 1 {
		t.Errorf("got %d requests, want one with the span", sent)
	}
}

func TestTheEndpointsPathIsThatOfTracesWhereThereIsNone(t *testing.T) {
	f := func(endpoint, want string) {
		t.Helper()
		if got, err := (Options{Endpoint: endpoint}).url(); got != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", endpoint, got, err, want)
		}
	}
	f("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces")
	f("https://a/", "https://a/v1/traces")
	f("https://a/otlp/v1/traces", "https://a/otlp/v1/traces")
}
