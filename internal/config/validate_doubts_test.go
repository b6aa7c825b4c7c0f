package config

import (
	"strings"
	"testing"
)

func TestWhatIsSeldomMeantGivesAWarning(t *testing.T) {
	f := func(text, path, contains string) {
		t.Helper()
		warnings := mustParse(t, required+text+"\n").Warnings
		if len(warnings) != 1 || warnings[0].Path != path || !strings.Contains(warnings[0].Message, contains) {
			t.Errorf("%s: got the warnings %v, want one for %s with %q", text, warnings, path, contains)
		}
	}
	f("sticky: {cookie: {path: /chat}}", "sticky.cookie.path", "want / or /app")
	f("sticky: {cookie: {path: /ap}}", "sticky.cookie.path", "want / or /app")
	f("sticky: {cookie: {path: /app}}\npath_prefix: /ws", "sticky.cookie.path", "want / or /ws/app")
	f("sticky: {cookie: {max_age: 5s}}", "sticky.cookie.max_age", "got 5s")
	f("sticky: {cookie: {partitioned: true}}", "sticky.cookie.partitioned", "same_site lax")
	f("sticky: {cookie: {secrets: [hush-hush-hush-hush, hush-hush-hush-hush]}}", "sticky.cookie.secrets[1]", "the same as secrets[0]")
	f("health: {reverb: {app_key: k}}", "health.reverb.app_key", "health.type reverb")
	f("health: {http: {path: /ws/up}}\npath_prefix: /ws", "health.http.path", "/ws/ws/up")
	f("timeouts: {handshake: 2s}", "timeouts.handshake", "timeouts.answer")
	f("timeouts: {dial: 8s}", "timeouts.handshake", "timeouts.dial")
	f("timeouts: {request: 5s}", "timeouts.request", "timeouts.header")
	f("limits: {max_age: 2s}", "limits.max_age", "got 2s")
	f("limits: {max_silence: 10s}", "limits.max_silence", "got 10s")
	f("session: {on_loss: move}", "session.on_loss", "want apps")
	f("trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]", "trusted_proxies[1]", "any address")
	f("trusted_proxies: ['::/0']", "trusted_proxies[0]", "any address")
}

func TestTwoNodesAndTwoThatMustStayAreDoubtful(t *testing.T) {
	c := mustParse(t, "listen: [{address: ':80'}]\nnodes: [{name: a, url: 'http://192.0.2.1'}, {name: b, url: 'http://0.0.0.0:81'}]\ndrain: {min_usable: 2}\n")
	if len(c.Warnings) != 2 || c.Warnings[0].Path != "nodes[1].url" || c.Warnings[1].Path != "drain.min_usable" {
		t.Errorf("got %v, want warnings for nodes[1].url and drain.min_usable", c.Warnings)
	}
}

func TestTheDefaultsAndWhatIsUsualGiveNoWarning(t *testing.T) {
	name, text := writeExample(t)
	c, err := Parse(name, text)
	if err != nil || len(c.Warnings) > 0 {
		t.Errorf("got %v and %v for the example, want no warning", err, c.Warnings)
	}
	for _, text := range []string{
		"", "sticky: {cookie: {path: /app}}", "sticky: {cookie: {path: /app/}}", "path_prefix: /ws\nsticky: {cookie: {path: /ws}}",
		"sticky: {cookie: {partitioned: true, same_site: none}}", "health: {type: reverb, reverb: {app_key: k}}", "trusted_proxies: [10.0.0.0/8, '::1']",
		"apps: [{id: 1, key: k, secret: s}]\nsession: {on_loss: move}", "limits: {max_age: 12h, max_silence: 2m}", "path_prefix: /ws\nhealth: {http: {path: /wsup}}",
	} {
		if w := mustParse(t, required+text+"\n").Warnings; len(w) > 0 {
			t.Errorf("%s: got %v, want no warning", text, w)
		}
	}
}
