package config

import "testing"

func TestTracingIsChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, required+"tracing: "+text+"\n", want...)
	}
	const kind = ", want a URL such as http://127.0.0.1:4318"
	f("{}", `3: tracing.endpoint: got ""`+kind)
	f("{endpoint: '127.0.0.1:4318'}", `3: tracing.endpoint: got "127.0.0.1:4318"`+kind)
	f("{endpoint: 'grpc://a:4317'}", `3: tracing.endpoint: got "grpc://a:4317"`+kind)
	f("{endpoint: 'http://me:hush@a'}", "3: tracing.endpoint: got a URL with a user, want a token in the environment's OTEL_EXPORTER_OTLP_HEADERS")
	f("{endpoint: 'http://a', sample: 1.1}", "3: tracing.sample: got 1.1, want 0 to 1: 0.01 for one of a hundred")
	f("{endpoint: 'http://a', service: ''}", "3: tracing.service: got nothing, want a name such as fermata")
	if c := mustParse(t, required+"tracing: {endpoint: 'http://a'}\n"); c.Tracing.Sample != 0.01 || c.Tracing.Service != "fermata" {
		t.Errorf("got %+v, want the defaults", c.Tracing)
	}
}
