package config

import (
	"fmt"
	"strings"
	"testing"
)

// A mistake names what is allowed, and so that must be.
func TestAValueAtItsBoundIsAllowedAndTheNextOneIsNot(t *testing.T) {
	f := func(format string, allowed, not any) {
		t.Helper()
		if _, err := Parse("f.yaml", fmt.Appendf([]byte(required), format, allowed)); err != nil {
			t.Errorf("got %v, want none", err)
		}
		if _, err := Parse("f.yaml", fmt.Appendf([]byte(required), format, not)); err == nil {
			t.Errorf("%.60s with %.60v: got no mistake, want one", format, not)
		}
	}
	f("keepalive: {ping: %s}", "1s", "999ms")
	f("drain: {grace: 8784h, deadline: %s}", "8784h", "8784h1s")
	f("drain: {grace: 10s, deadline: %s}", "10s", "9s")
	f("rebalance: {skew: %v}", 10, 10.01)
	f("sticky: {bounded_load: %v}", 1, 0.99)
	f("sticky: {bounded_load: %v}", 1000, 1000.1)
	f("health: {reverb: {delivery: {interval: %s}}}", "100ms", "99ms")
	f("health: {reverb: {delivery: {interval: %s}}}", "1h", "1h1s")
	f("health: {reverb: {origin: '%s'}}", "http://app.example.com", "ws://app.example.com")
	f("limits: {max_body_bytes: %d}", 1, 0)
	f("limits: {max_bodies_bytes: 1099511627776, max_body_bytes: %d}", 1<<30, 1<<30+1)
	f("limits: {max_bodies_bytes: %d}", int64(1)<<40, int64(1)<<40+1)
	f("limits: {max_body_bytes: 4096, max_bodies_bytes: %d}", 4097, 4096)
	f("cluster: {redis: 'redis://10.0.0.9', name: a, secret: '%s'}", letters(16), letters(15))
	f("sticky: {cookie: {max_age: %s}}", "1s", "999ms")
	f("sticky: {cookie: {name: %s}}", letters(4096-22), letters(4096-21))
	f("sticky: {cookie: {path: /%s}}", letters(1023), letters(1024))
	f("sticky: {cookie: {domain: %s}}", letters(53)+strings.Repeat("."+letters(63), 3)+".example", letters(54)+strings.Repeat("."+letters(63), 3)+".example")
	f("admin: {address: 'unix:/%s'}", letters(102), letters(103))
}

// letters are so many.
func letters(count int) string { return strings.Repeat("k", count) }

func TestANodesPortNameAndHostMayBeAsLargeAsTheyCanBe(t *testing.T) {
	f := func(format string, allowed, not any) {
		t.Helper()
		text := "listen: [{address: ':80'}]\nnodes: [{" + format + "}]\n"
		if _, err := Parse("f.yaml", fmt.Appendf(nil, text, allowed)); err != nil {
			t.Errorf("got %v, want none", err)
		}
		if _, err := Parse("f.yaml", fmt.Appendf(nil, text, not)); err == nil {
			t.Errorf("%s with %.60v: got no mistake, want one", format, not)
		}
	}
	f("name: a, url: 'http://10.0.0.1:%d'", 65535, 65536)
	f("name: %s, discover: dns, host: reverb, port: 80", letters(24), letters(25))
	labels := strings.Repeat("."+letters(63), 3)
	f("name: a, discover: dns, host: %s, port: 80", letters(61)+labels, letters(62)+labels)
}

func TestWhatIsJustNotDoubtfulGivesNoWarning(t *testing.T) {
	f := func(format, sure, doubtful string) {
		t.Helper()
		if got := mustParse(t, required+fmt.Sprintf(format, sure)).Warnings; len(got) != 0 {
			t.Errorf("got %v, want no warning", got)
		}
		if got := mustParse(t, required+fmt.Sprintf(format, doubtful)).Warnings; len(got) != 1 {
			t.Errorf("%s with %s: got the warnings %v, want one", format, doubtful, got)
		}
	}
	f("sticky: {cookie: {max_age: %s}}\n", "1m", "59s")
	f("limits: {max_age: %s}\n", "1m", "59s")
	f("limits: {max_silence: %s}\n", "1m", "59s")
	f("timeouts: {answer: 3s, handshake: %s}\n", "3001ms", "3s")
	f("timeouts: {dial: 2s, answer: 1s, handshake: %s}\n", "2001ms", "2s")
	f("timeouts: {header: 10s, request: %s}\n", "10s", "9s")
}

func TestAFileMayBeOfAMegabyteAndNotMore(t *testing.T) {
	text := required + "#" + strings.Repeat(" ", maxFileSize-len(required)-1)
	if _, err := Parse("f.yaml", []byte(text)); err != nil {
		t.Errorf("of %d bytes: got %v, want none", len(text), err)
	}
	if _, err := Parse("f.yaml", []byte(text+" ")); err == nil {
		t.Errorf("of %d bytes: got no mistake, want one", len(text)+1)
	}
}

func TestAnUnknownKeyIsShownAsFarAsALineTakes(t *testing.T) {
	wantMistakes(t, required+"log:\n  "+letters(64)+": x\n", "4: log."+letters(64)+": got an unknown key, want one of level, format")
	wantMistakes(t, required+"log:\n  "+letters(65)+": x\n", `4: log."`+letters(64)+`": got an unknown key, want one of level, format`)
}

func TestTheKeyThatWasMeantIsTheNearestOneAndTheFirstOfThose(t *testing.T) {
	f := func(typed, want string, keys ...string) {
		t.Helper()
		if got := nearest(typed, keys); got != want {
			t.Errorf("%.20s: got %.20q, want %.20q", typed, got, want)
		}
	}
	f("levle", "level", "format", "level")
	f("lavel", "level", "level", "label")
	f("xyzrate", "", "rate")
	f("id", "", "by")
	f(letters(64), letters(63), letters(63))
	f(letters(65), "", letters(64))
}
