package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
)

func wantNoSecretInJSON(t *testing.T, c *Config) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hush") {
		t.Errorf("got %s, want no secret in it", text)
	}
}

// wantMistakes wants exactly these lines of error, without the file's name.
func wantMistakes(t *testing.T, text string, want ...string) {
	t.Helper()
	c, err := Parse("f.yaml", []byte(text))
	var mistakes Mistakes
	if !errors.As(err, &mistakes) || c != nil {
		t.Errorf("for %q: got %v and %v, want mistakes", text, c, err)
		return
	}
	got := strings.ReplaceAll("\n"+err.Error(), "\nf.yaml:", "\n")
	if want := "\n" + strings.Join(want, "\n"); got != want {
		t.Errorf("for %q: got%s\nwant%s", text, got, want)
	}
}

func TestBrokenYAMLIsAMistakeWithItsLine(t *testing.T) {
	f := func(text, want string) { t.Helper(); wantMistakes(t, text, want) }
	f("", "1: got an empty file, want a configuration")
	f("# nothing\n", "1: got an empty file, want a configuration")
	f("---\n", "1: got an empty file, want a configuration")
	f("a: b: c\n", "1: got broken YAML: mapping values are not allowed in this context")
	f("log:\n  level: info: x\n", "2: got broken YAML: mapping values are not allowed in this context")
	f("log:\n\tlevel: info\n", "2: got broken YAML: found character that cannot start any token")
	f("log: {}\nnodes: [a, b\n", "2: got broken YAML: did not find expected ',' or ']'")
	f("log: }\n", "1: got broken YAML: did not find expected node content")
	f("log: {}\nadmin:\n  token: '\x01'\n", "3: got a control character or bytes that are not UTF-8, want plain text")
	f("log: {}\nadmin: \xff\n", "2: got a control character or bytes that are not UTF-8, want plain text")
	f("log: {}\nadmin:\n  token: *hush\n", "3: "+gotAlias)
	f(required+"---\nlog: {}\n", "3: got a second document, want one")
	f(required+"---\n", "3: got a second document, want one")
	f(required+"---\nlog: {}}\n", "4: got broken YAML: did not find expected key")
}

func TestAnchorsAliasesAndTagsAreMistakes(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text, want...) }
	f("admin: &a {}\n", "3: admin: "+gotAlias)
	f("log: {level: &x info}\nno_usable_node: *x\n", "3: log.level: "+gotAlias, "4: no_usable_node: "+gotAlias)
	f("drain:\n  rate: !!int 5\n", "4: drain.rate: "+gotAlias)
	f("admin:\n  token: &hush-hush-hush-hush\n", "4: admin.token: "+gotAlias)
	f("admin:\n  token: !hush-hush-hush-hush\n", "4: admin.token: "+gotAlias)
	f("log:\n  <<: {level: info}\n", "4: log.<<: got an unknown key, want one of level, format")
}

func TestKeysAreStrict(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text, want...) }
	f("log:\n  levle: info\n", "4: log.levle: got an unknown key, want one of level, format (level?)")
	f("log:\n  x: info\n", "4: log.x: got an unknown key, want one of level, format")
	f("log:\n  \"a\\nb\": info\n", `4: log."a\nb": got an unknown key, want one of level, format`)
	f("log:\n  ? [level]\n  : info\n", "4: log: got a list for a key, want one of level, format")
	f("log: {level: info}\nlog: {format: json}\n", "4: log: got this key again, want it once (line 3 has it)")
	f("log:\n  level: info\n  level: info\n  level: x\n",
		"5: log.level: got this key again, want it once (line 4 has it)", "6: log.level: got this key again, want it once (line 4 has it)")
	wantMistakes(t, "listen: [{address: ':80'}]\nnodes:\n  - name: a\n    uri: http://10.0.0.1\n",
		"3: nodes[0].url: got nothing, want http://HOST:PORT or https://HOST:PORT",
		"4: nodes[0].uri: got an unknown key, want one of name, url, weight, max_connections, discover, host, port, srv, scheme, file, every, tls (url?)")
}

func TestTheWrongKindOfValueIsAMistake(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text, want...) }
	wantMistakes(t, "- listen\n",
		"1: got a list, want keys: "+strings.Join(allKeys, ", "),
		"1: listen: got no listeners, want at least one", "1: nodes: got no nodes, want at least one")
	wantMistakes(t, "listen: ':80'\nnodes: {a: b}\n", "1: listen: got a single value, want a list", "2: nodes: got a mapping, want a list")
	f("admin: hush\n", "3: admin: got a single value, want keys: address, token, old_token, read_token, hosts, tls")
	f("admin:\n  - hush\n", "3: admin: got a list, want keys: address, token, old_token, read_token, hosts, tls")
	f("admin:\n  token: [hush]\n", "4: admin.token: got a list, want a single value")
	f("admin:\n  token:\n    hush: hush\n", "4: admin.token: got a mapping, want a single value")
	f("trusted_proxies:\n  - {}\n", "4: trusted_proxies[0]: got a mapping, want a single value")
	f("trusted_proxies: [10.0.0.0/33]\n", `3: trusted_proxies[0]: got "10.0.0.0/33", want a network such as 10.0.0.0/8 or an address`)
	f("drain:\n  rate: many\n", `4: drain.rate: got "many", want a whole number`)
	f("drain:\n  rate: 1.5\n", `4: drain.rate: got "1.5", want a whole number`)
	f("drain:\n  rate: 99999999999999999999\n", `4: drain.rate: got "99999999999999999999", want a whole number`)
	f("drain:\n  grace: 5\n", `4: drain.grace: got "5", want a duration with its unit, such as 500ms, 2s or 10m`)
	f("drain:\n  grace: soon\n", `4: drain.grace: got "soon", want a duration with its unit, such as 500ms, 2s or 10m`)
	f("sticky:\n  bounded_load: x\n", `4: sticky.bounded_load: got "x", want a number such as 1.25`)
	f("sticky:\n  bounded_load: NaN\n", `4: sticky.bounded_load: got "NaN", want a number such as 1.25`)
	f("sticky:\n  bounded_load: +Inf\n", `4: sticky.bounded_load: got "+Inf", want a number such as 1.25`)
}

var allKeys = []string{"listen", "nodes", "path_prefix", "await_greeting", "apps", "session", "sticky", "health", "drain", "rebalance", "timeouts", "limits", "keepalive", "no_usable_node", "stop_timeout", "admin", "upgrade", "state_dir", "trusted_proxies", "deny", "allow", "allowed_origins", "cluster", "headers", "tracing", "log"}

func TestEnvironmentVariablesAreValuesAndNothingElse(t *testing.T) {
	t.Setenv("FERMATA_TEST_SECRET", "hush")
	t.Setenv("FERMATA_TEST_EMPTY", "")
	t.Setenv("FERMATA_TEST_LEVEL", "info\nformat: console")
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text, want...) }
	f("admin:\n  token: ${FERMATA_TEST_SECRET}\n", "4: admin.token: got 4 bytes, want at least 16")
	f("admin:\n  token: ${FERMATA_TEST_EMPTY}\n", "4: admin.token: got an empty environment variable, want a secret")
	f("admin:\n  token: ${FERMATA_TEST_NONE}\n", "4: admin.token: got ${FERMATA_TEST_NONE}, want an environment variable that is set")
	f("admin:\n  token: pa${hush-hush}\n", "4: admin.token: got ${ without a variable's name and }, want ${NAME}, or $${ for a plain ${")
	f("admin:\n  token: pa${hush\n", "4: admin.token: got ${ without a variable's name and }, want ${NAME}, or $${ for a plain ${")
	f("log:\n  level: ${FERMATA_TEST_LEVEL}\n", `4: log.level: got "info\nformat: console", want one of debug, info, warn, error`)
	f("${FERMATA_TEST_LEVEL}: info\n", "3: ${FERMATA_TEST_LEVEL}: got an unknown key, want one of "+strings.Join(allKeys, ", "))
}

func TestListenersAreChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, "nodes: [{name: a, url: 'http://10.0.0.1'}]\n"+text, want...)
	}
	f("", "1: listen: got no listeners, want at least one")
	f("listen: []\n", "2: listen: got no listeners, want at least one")
	f("listen:\n", "2: listen: got no listeners, want at least one")
	f("listen:\n  - address: ''\n", `3: listen[0].address: got "", want HOST:PORT or :PORT`)
	f("listen:\n  - {}\n", `3: listen[0].address: got "", want HOST:PORT or :PORT`)
	f("listen:\n  - address: '80'\n", `3: listen[0].address: got "80", want HOST:PORT or :PORT`)
	f("listen:\n  - address: http://x:80\n", `3: listen[0].address: got "http://x:80", want HOST:PORT or :PORT`)
	f("listen:\n  - address: :https\n", `3: listen[0].address: got port "https", want 0 to 65535`)
	f("listen:\n  - address: :65536\n", `3: listen[0].address: got port "65536", want 0 to 65535`)
	f("listen:\n  - address: :80\n  - address: 127.0.0.1:0\n  - address: 127.0.0.1:0\n  - address: :80\n",
		`6: listen[3].address: got ":80", want another than listen[0].address`)
}

func TestTLSIsChecked(t *testing.T) {
	now, dir := time.Now(), t.TempDir()
	good, err := certs.WriteSelfSigned(dir, []string{"ws.example.com"}, now)
	if err != nil {
		t.Fatal(err)
	}
	old, err := certs.WriteSelfSigned(t.TempDir(), []string{"old.example.com"}, now.AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	early, err := certs.WriteSelfSigned(t.TempDir(), []string{"early.example.com"}, now.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	begin := "nodes: [{name: a, url: 'http://10.0.0.1'}]\nlisten:\n  - address: :443\n    tls:\n"
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, begin+text, want...) }
	f("", "4: listen[0].tls.certificates: got no certificates, want at least one, or acme")
	f("      certificates: []\n", "5: listen[0].tls.certificates: got no certificates, want at least one, or acme")
	f("      ticket_secret: short\n      certificates:\n        - {cert: "+good.Cert+", key: "+good.Key+"}\n",
		"5: listen[0].tls.ticket_secret: got 5 bytes, want at least 16")
	f("      min_version: 1.1\n      certificates:\n        - {cert: "+good.Cert+", key: "+good.Key+"}\n",
		`5: listen[0].tls.min_version: got "1.1", want one of 1.2, 1.3`)
	f("      certificates:\n        - cert: "+good.Cert+"\n", "6: listen[0].tls.certificates[0].key: got nothing, want a PEM file")
	f("      certificates:\n        - cert: "+dir+"/none.pem\n          key: "+good.Key+"\n",
		"6: listen[0].tls.certificates[0]: got a pair that cannot be served, want another: "+dir+"/none.pem: no such file or directory")
	f("      certificates:\n        - cert: \"a\\nb\"\n          key: "+good.Key+"\n",
		"6: listen[0].tls.certificates[0]: got a pair that cannot be served, want another: a\uFFFDb: no such file or directory")

	contains := func(pair certs.Pair, want string) {
		t.Helper()
		text := begin + "      certificates:\n        - {cert: " + good.Cert + ", key: " + good.Key + "}\n        - {cert: " + pair.Cert + ", key: " + pair.Key + "}\n"
		_, err := Check(writeFile(t, filepath.Join(dir, "f.yaml"), text))
		if err == nil || !strings.Contains(err.Error(), "f.yaml:7: listen[0].tls.certificates[1]: got a pair") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it in line 7 with %q", err, want)
		}
	}
	contains(old, "(old.example.com): expired ")
	contains(early, "(early.example.com): not valid before ")
	contains(certs.Pair{Cert: good.Cert, Key: old.Key}, "is no key for")
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAnExpiredCertificateIsServedWithAWarning(t *testing.T) {
	old, err := certs.WriteSelfSigned(t.TempDir(), []string{"old.example.com"}, time.Now().AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, "nodes: [{name: a, url: 'http://10.0.0.1'}]\nlisten:\n  - address: :443\n    tls:\n"+
		"      certificates:\n        - {cert: "+old.Cert+", key: "+old.Key+"}\n")
	want := "fermata.yaml:6: listen[0].tls.certificates[0]: got a pair that clients refuse, want another: " + old.Cert + " (old.example.com): expired "
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0].String(), want) {
		t.Errorf("got %v, want one that begins with %s", c.Warnings, want)
	}
}

func TestNoKeyGivesWarnings(t *testing.T) {
	for _, key := range []string{"Warnings", "warnings", "'-'", "''"} {
		if _, err := Parse("f.yaml", []byte(required+"? "+key+"\n: [{file: a}]\n")); err == nil {
			t.Errorf("%s: got no mistake, want an unknown key", key)
		}
	}
}

func TestRebalancesAreChecked(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text, want...) }
	f("rebalance: {after: 1ns, skew: 0, min_clients: 0, rate: -1}\n",
		"3: rebalance.after: got 1ns, want 1s to 8784h", "3: rebalance.skew: got 0, want more than 0, and 10 at most: 0.3 for three tenths",
		"3: rebalance.min_clients: got 0, want 1 to 100000000", "3: rebalance.rate: got -1, want 0 to 100000000")
}

func TestNodesAreChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, "listen: [{address: ':80'}]\n"+text, want...)
	}
	long := strings.Repeat("x", 64)
	f("", "1: nodes: got no nodes, want at least one")
	f("nodes: []\n", "2: nodes: got no nodes, want at least one")
	f("nodes:\n  -\n", `3: nodes[0].name: got "", want 1 to 63 letters, digits or . _ -, the first no . or -`, "3: nodes[0].url: got nothing, want http://HOST:PORT or https://HOST:PORT")
	f("nodes:\n  - name: a b\n    url: http://x\n", `3: nodes[0].name: got "a b", want 1 to 63 letters, digits or . _ -, the first no . or -`)
	f("nodes:\n  - name: "+long+"\n    url: http://x\n", `3: nodes[0].name: got "`+long+`", want 1 to 63 letters, digits or . _ -, the first no . or -`)
	f("nodes:\n  - name: a\n    url: ws://x\n", `4: nodes[0].url: got "ws://x", want http://HOST:PORT or https://HOST:PORT`)
	f("nodes:\n  - name: a\n    url: http://x/app\n", `4: nodes[0].url: got "http://x/app", want http://HOST:PORT with nothing after it`)
	f("nodes:\n  - name: a\n    url: http://x:0\n", `4: nodes[0].url: got port "0", want 1 to 65535`)
	f("nodes: [{name: a, url: \"http://x\", weight: 1152921504606846976}]\n",
		"2: nodes[0].weight: got 1152921504606846976, want 1 to 1000000")
	f("nodes:\n  - name: a\n    url: http://x:80\n    weight: 0\n    max_connections: -1\n",
		"5: nodes[0].weight: got 0, want 1 to 1000000", "6: nodes[0].max_connections: got -1, want none or a number such as 950")
	f("nodes: [{name: a, url: \"http://x\", max_connections: 0}]\n", "2: nodes[0].max_connections: got 0, want none or a number such as 950")
	f("nodes: [{name: a, url: \"http://x\", max_connections: unlimited}]\n", `2: nodes[0].max_connections: got "unlimited", want none or a number such as 950`)
	f("nodes: [{name: a, url: \"http://x\", max_connections: 1000000000}]\n", "2: nodes[0].max_connections: got 1000000000, want none or at most 100000000")
	f("nodes:\n  - name: a\n    url: http://x:80\n  - name: a\n    url: http://X\n",
		`5: nodes[1].name: got "a", want another than nodes[0].name`, `6: nodes[1].url: got "X:80", want another than nodes[0].url`)
}

func TestThePathPrefixIsAPath(t *testing.T) {
	f := func(value string) {
		t.Helper()
		want := fmt.Sprintf("3: path_prefix: got %q, want a path such as /ws without a slash at its end, or none", value)
		wantMistakes(t, required+fmt.Sprintf("path_prefix: %q\n", value), want)
	}
	for _, wrong := range []string{"ws", "/", "/ws/", "//ws", "/w s", "/ws?a", "/%2fws", "https://a/ws"} {
		f(wrong)
	}
}

func TestStickyIsChecked(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+"sticky:\n"+text, want...) }
	cookie := func(text string, want ...string) {
		t.Helper()
		f("  cookie:\n    "+text+"\n", want...)
	}
	f("  by: header\n", `4: sticky.by: got "header", want one of cookie, ip`)
	f("  bounded_load: 0.5\n", "4: sticky.bounded_load: got 0.5, want 1 to 1000, or 0 for none")
	f("  ip:\n    ipv4_prefix: 0\n    ipv6_prefix: 129\n", "5: sticky.ip.ipv4_prefix: got 0, want 1 to 32", "6: sticky.ip.ipv6_prefix: got 129, want 1 to 128")
	cookie("name: ''", "5: sticky.cookie.name: got \"\", want letters, digits or any of !#$%&'*+-.^_`|~")
	cookie("name: a b", "5: sticky.cookie.name: got \"a b\", want letters, digits or any of !#$%&'*+-.^_`|~")
	cookie("name: a=b", "5: sticky.cookie.name: got \"a=b\", want letters, digits or any of !#$%&'*+-.^_`|~")
	cookie("max_age: -1s", "5: sticky.cookie.max_age: got -1s, want at least 1s, or 0s for until the browser is closed")
	cookie("path: app", `5: sticky.cookie.path: got "app", want a path that starts with / and has no semicolon`)
	cookie("path: /a;b", `5: sticky.cookie.path: got "/a;b", want a path that starts with / and has no semicolon`)
	cookie("domain: a..b", `5: sticky.cookie.domain: got "a..b", want a domain such as example.com, or none`)
	cookie("domain: a;b", `5: sticky.cookie.domain: got "a;b", want a domain such as example.com, or none`)
	cookie("same_site: x", `5: sticky.cookie.same_site: got "x", want one of lax, strict, none`)
	cookie("secure: true", `5: sticky.cookie.secure: got "true", want one of auto, always, never`)
	cookie("{secure: never, same_site: none}", "5: sticky.cookie.same_site: got none with secure never, want secure auto or always, since browsers drop the cookie otherwise")
	cookie("partitioned: yes", `5: sticky.cookie.partitioned: got "yes", want true or false`)
	cookie("{secure: never, partitioned: true}", "5: sticky.cookie.partitioned: got true with secure never, want secure auto or always, since browsers drop the cookie otherwise")
	cookie("secrets:\n    - hush-hush-hush-hush\n    - hush-hush-hush", "7: sticky.cookie.secrets[1]: got 14 bytes, want at least 16")
	cookie("secrets: [null]", "5: sticky.cookie.secrets[0]: got 0 bytes, want at least 16")
}

func TestHealthIsChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, required+"health:\n  "+text+"\n", want...)
	}
	f("type: ping", `4: health.type: got "ping", want one of tcp, http, reverb`)
	f("interval: 0s", "4: health.interval: got 0s, want 100ms to 1h")
	f("timeout: -1s", "4: health.timeout: got -1s, want 10ms to 1m")
	f("panic_threshold: 101", "4: health.panic_threshold: got 101, want 0 to 100")
	f("rise: 0\n  fall: 0", "4: health.rise: got 0, want 1 to 1000", "5: health.fall: got 0, want 1 to 1000")
	f("http: {path: up}", `4: health.http.path: got "up", want a path that starts with / and has no space and no #`)
	f("http: {path: \"/up\\r\\nX: y\"}", `4: health.http.path: got "/up\r\nX: y", want a path that starts with / and has no space and no #`)
	f("http:\n    status: 99", "5: health.http.status: got 99, want 200 to 599")
	f("http:\n    status: 600", "5: health.http.status: got 600, want 200 to 599")
	f("reverb: {delivery: {interval: 50ms, timeout: 0s}}", "4: health.reverb.delivery.interval: got 50ms, want 100ms to 1h, or 0s for never",
		"4: health.reverb.delivery.timeout: got 0s, want 10ms to 1m")
	f("reverb: {delivery: {interval: 61m}}", "4: health.reverb.delivery.interval: got 1h1m0s, want 100ms to 1h, or 0s for never")
	f("reverb: {origin: example.com}", `4: health.reverb.origin: got "example.com", want http(s)://HOST[:PORT], or none`)
}

func TestDrainTimeoutsAndLimitsAreChecked(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+text+"\n", want...) }
	f("drain: {grace: -1s}", "3: drain.grace: got -1s, want 0s to 8784h")
	f("drain: {rate: -1}", "3: drain.rate: got -1, want 0 to 100000000")
	f("drain:\n  grace: 0s\n  deadline: 0s", "5: drain.deadline: got 0s, want 100ms to 8784h")
	f("drain:\n  grace: 11m", "3: drain.deadline: got 10m0s, want at least the grace of 11m0s")
	f("drain:\n  close_code: 4001", "4: drain.close_code: got 4001, want 4200–4299 (clients come back at once), 4100–4199, 1000, 1001, 1012 or 1013 (after a second)")
	f("drain: {min_usable: 0}", "3: drain.min_usable: got 0, want at least 1")
	for i, key := range []string{"header", "request", "idle", "dial", "answer", "handshake", "response", "stall", "close"} {
		f("timeouts:"+strings.Repeat("\n", i+1)+"  "+key+": 0s", fmt.Sprintf("%d: timeouts.%s: got 0s, want 10ms to 8784h", 4+i, key))
	}
	f("limits: {max_header_bytes: 1023}", "3: limits.max_header_bytes: got 1023, want 1024 to 1048576")
	f("limits: {max_header_bytes: 1048577}", "3: limits.max_header_bytes: got 1048577, want 1024 to 1048576")
	f("limits: {max_body_bytes: 0}", "3: limits.max_body_bytes: got 0, want 1 to 1073741824")
	f("limits: {max_message_bytes: -1}", "3: limits.max_message_bytes: got -1, want at least 0")
	f("limits: {max_silence: -1s}", "3: limits.max_silence: got -1s, want at least 100ms, or 0s for never")
	f("limits: {max_age: 10ms}", "3: limits.max_age: got 10ms, want at least 1s, or 0s for never")
	f("keepalive: {ping: -1s}", "3: keepalive.ping: got -1s, want at least 1s, or 0s for never")
	f("limits: {max_clients: -1}", "3: limits.max_clients: got -1, want 0 to 100000000")
	f("limits: {upgrades_per_second: -1}", "3: limits.upgrades_per_second: got -1, want 0 to 100000000")
	f("limits: {slow_start: -1s}", "3: limits.slow_start: got -1s, want 0s to 8784h")
	f("no_usable_node: open", `3: no_usable_node: got "open", want one of close, 503`)
	f("upgrade: {spread: -1s}", "3: upgrade.spread: got -1s, want 0s to 8784h")
	f("upgrade: {socket: "+strings.Repeat("/a", 60)+"}", "3: upgrade.socket: got a path of 120 bytes, want at most 107")
	f("upgrade: {socket: /run/fermata/admin.sock}", "3: upgrade.socket: got \"/run/fermata/admin.sock\", which is admin.address or state_dir, want a path of its own")
	f("stop_timeout: 0s", "3: stop_timeout: got 0s, want 1s to 8784h")
	f("stop_timeout: 999ms", "3: stop_timeout: got 999ms, want 1s to 8784h")
	f("headers: {explain: Sec-WebSocket-Accept}", `3: headers.explain: got "Sec-Websocket-Accept", which means something else, want a name such as X-Fermata`)
	f("headers: {explain: set-cookie}", `3: headers.explain: got "Set-Cookie", which means something else, want a name such as X-Fermata`)
	f("headers: {request_id: connection}", `3: headers.request_id: got "Connection", which means something else, want a name such as X-Fermata`)
	f("headers: {request_id: X Id}", `3: headers.request_id: got "X Id", want up to 64 letters, digits or -`)
	f("log: {level: loud, format: xml}", `3: log.level: got "loud", want one of debug, info, warn, error`, `3: log.format: got "xml", want one of json, console`)
}

func TestAdminIsChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, required+"admin:\n  "+text+"\n", want...)
	}
	address := ", want unix:PATH, HOST:PORT, or nothing for no admin endpoint"
	f("address: nonsense", `4: admin.address: got "nonsense"`+address)
	f("address: http://127.0.0.1:9000", `4: admin.address: got "http://127.0.0.1:9000"`+address)
	f("address: 'unix:'", `4: admin.address: got "unix:", want unix:PATH with a path of 1 to 103 bytes`)
	f("address: unix:/"+strings.Repeat("x", 103), `4: admin.address: got "unix:/`+strings.Repeat("x", 103)+`", want unix:PATH with a path of 1 to 103 bytes`)
	f("address: 127.0.0.1:99999", `4: admin.address: got port "99999", want 0 to 65535`)
	f("address: 127.0.0.1:0\n  token: hush-hush-hush-", "5: admin.token: got 15 bytes, want at least 16")
	f("address: :80\n  token: hush-hush-hush-hush", `4: admin.address: got ":80", want another than listen[0].address`)
	for _, open := range []string{":9000", "0.0.0.0:9000", "10.0.0.1:9000", "[::]:9000", "example.com:9000"} {
		f("address: '"+open+"'", `3: admin.token: got no token for "`+open+`", want one, since others than this machine can reach it`)
	}
	for _, loopback := range []string{"127.0.0.1:9000", "127.8.8.8:0", "'[::1]:9000'", "localhost:9000", "unix:/run/x.sock", "''"} {
		mustParse(t, required+"admin: {address: "+loopback+"}\n")
	}
}

func TestAllMistakesComeAtOnceInTheOrderOfTheLines(t *testing.T) {
	wantMistakes(t, `log:
  level: loud
  colour: true
listen:
  - address: nowhere
nodes:
  - name: a
    url: ftp://x
    weight: heavy
  - {name: a, url: "http://x", weight: 0}
drain: {grace: 5}
`,
		`2: log.level: got "loud", want one of debug, info, warn, error`,
		"3: log.colour: got an unknown key, want one of level, format",
		`5: listen[0].address: got "nowhere", want HOST:PORT or :PORT`,
		`8: nodes[0].url: got "ftp://x", want http://HOST:PORT or https://HOST:PORT`,
		`9: nodes[0].weight: got "heavy", want a whole number`,
		`10: nodes[1].name: got "a", want another than nodes[0].name`,
		"10: nodes[1].weight: got 0, want 1 to 1000000",
		`11: drain.grace: got "5", want a duration with its unit, such as 500ms, 2s or 10m`)
}
