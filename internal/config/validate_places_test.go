package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// someNode is a node that leads nowhere near.
const someNode = "nodes: [{name: a, url: 'http://192.0.2.1:8080'}]\n"

func TestListenersThatOverlapAreAMistake(t *testing.T) {
	f := func(first, second string, overlap bool) {
		t.Helper()
		text := fmt.Sprintf("%slisten:\n  - address: %q\n  - address: %q\n", someNode, first, second)
		if !overlap {
			mustParse(t, text)
			return
		}
		wantMistakes(t, text, fmt.Sprintf("4: listen[1].address: got %q, want another than listen[0].address", second))
	}
	for _, everywhere := range []string{":443", "[::]:443", "0.0.0.0:443"} {
		for _, other := range []string{":443", "[::]:443", "0.0.0.0:443", "127.0.0.1:443", "localhost:443", "ws.example.com:443", ":0443"} {
			f(everywhere, other, true)
			f(other, everywhere, true)
		}
		f(everywhere, ":444", false)
	}
	f("[::1]:443", "[::]:443", true)
	f("[::1]:443", "0.0.0.0:443", false)
	f("[::1]:443", "127.0.0.1:443", false)
	f("127.0.0.1:443", "127.0.0.2:443", false)
	f("127.0.0.1:443", "localhost:443", true)
	f("[::1]:443", "[0:0::1]:443", true)
	f("[::ffff:10.0.0.1]:443", "10.0.0.1:443", true)
	f("WS.example.com:443", "ws.example.com:443", true)
	f(":0", ":0", false)
	f("127.0.0.1:0", "127.0.0.1:0", false)
}

func TestTheAdminEndpointNeedsAnAddressOfItsOwn(t *testing.T) {
	f := func(listen, admin string) {
		t.Helper()
		text := fmt.Sprintf("%slisten: [{address: %q}]\nadmin: {token: hush-hush-hush-hush, address: %q}\n", someNode, listen, admin)
		wantMistakes(t, text, fmt.Sprintf("3: admin.address: got %q, want another than listen[0].address", admin))
	}
	f(":9090", "127.0.0.1:9090")
	f("0.0.0.0:9090", "localhost:9090")
	f("127.0.0.1:9090", ":9090")
}

func TestANodeThatIsFermataItselfIsAMistake(t *testing.T) {
	f := func(listen, node, leadsTo string) {
		t.Helper()
		text := fmt.Sprintf("listen: [{address: %q}]\nadmin: {address: '127.0.0.1:9090'}\nnodes:\n  - {name: a, url: %q}\n", listen, node)
		if leadsTo == "" {
			mustParse(t, text)
			return
		}
		wantMistakes(t, text, fmt.Sprintf("4: nodes[0].url: got %q, which leads to %s, want a node", node, leadsTo))
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"127.0.0.1", "127.8.8.8", "[::1]", "localhost", "LOCALHOST", "0.0.0.0", "[::]", name}
	for _, ip := range ownAddresses() {
		if ip.Is4() {
			own = append(own, ip.String())
		}
	}
	for _, host := range own {
		f(":8080", "http://"+host+":8080", "listen[0].address")
		f("[::]:8080", "http://"+host+":8080", "listen[0].address")
		f(":8080", "http://"+host+":8081", "")
		f(":0", "http://"+host+":8080", "")
	}
	f("127.0.0.1:8080", "http://localhost:8080", "listen[0].address")
	f("127.0.0.1:8080", "http://0.0.0.0:8080", "listen[0].address")
	f("127.0.0.1:8080", "http://127.0.0.2:8080", "")
	f("127.0.0.1:8080", "http://192.0.2.1:8080", "")
	f("ws.example.com:8080", "http://WS.example.com:8080", "listen[0].address")
	f("0.0.0.0:80", "http://localhost:80", "listen[0].address")
	f(":80", "http://ws.example.com", "")
	f(":80", "http://localhost:9090", "admin.address")
}

func TestOneNodeInTwoSpellingsIsAMistake(t *testing.T) {
	f := func(first, second string) {
		t.Helper()
		text := fmt.Sprintf("listen: [{address: ':80'}]\nnodes:\n  - {name: a, url: %q}\n  - {name: b, url: %q}\n", first, second)
		wantMistakes(t, text, fmt.Sprintf("4: nodes[1].url: got %q, want another than nodes[0].url", second))
	}
	f("http://127.0.0.1:8080", "http://localhost:8080")
	f("http://[::1]:8080", "http://[0::1]:8080")
	f("http://10.0.0.1:8080", "http://[::ffff:10.0.0.1]:8080")
	f("http://10.0.0.1:8080", "http://10.0.0.1:08080")
}

func TestTheStateAndTheSocketHaveFilesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "f.yaml")
	f := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(required+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(config); err == nil || err.Error() != config+":"+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("state_dir: "+file+"\n", fmt.Sprintf("3: state_dir: got the file %q, want a directory", file))
	f("admin: {address: 'unix:"+file+"'}\n", fmt.Sprintf("3: admin.address: got %q, where something else is, want a path that is free", "unix:"+file))
	f("admin: {address: 'unix:"+dir+"'}\n", fmt.Sprintf("3: admin.address: got %q, where something else is, want a path that is free", "unix:"+dir))
	f("admin: {address: 'unix:"+dir+"/x'}\nstate_dir: "+dir+"/x\n", fmt.Sprintf("4: state_dir: got %q, which is admin.address, want a directory", dir+"/x"))
	mustParse(t, required+"admin: {address: 'unix:"+dir+"/x'}\nstate_dir: "+dir+"\n")
}

// What some operator wrote once, or may yet.
func TestOddValuesAreMistakes(t *testing.T) {
	for _, text := range []string{
		"health: {interval: 1ns}", "health: {interval: 99ms}", "health: {interval: 2400h}", "health: {timeout: 1ns}", "health: {timeout: 1h}",
		"health: {fall: 1001}", "health: {rise: 4611686018427387904}", "health: {http: {path: '/up#x'}}", "health: {http: {status: 101}}",
		"timeouts: {header: 1ns}", "timeouts: {request: 1us}", "timeouts: {idle: 1ms}", "timeouts: {dial: 1ns}", "timeouts: {answer: 1ns}",
		"timeouts: {response: 2562047h}", "timeouts: {request: 2562047h}", "timeouts: {stall: 1ns}", "timeouts: {close: 1ns}", "stop_timeout: 2562047h",
		"drain: {deadline: 1ns}", "drain: {deadline: 2562047h}", "drain: {rate: 4611686018427387904}", "drain: {min_usable: 9}", "drain: {min_usable: 2}",
		"limits: {max_silence: 1ns}", "limits: {max_age: 1ns}", "limits: {slow_start: 2562047h}", "limits: {upgrades_per_second: 4611686018427387904}",
		"limits: {max_clients: 4611686018427387904}", "keepalive: {ping: 1ns}", "sticky: {bounded_load: 1e300}", "sticky: {cookie: {max_age: 1ns}}",
		"await_greeting: maybe", "headers: {request_id: Via}", "headers: {explain: via}",
	} {
		_, err := Parse("f.yaml", []byte(required+text+"\n"))
		key, _, _ := strings.Cut(text, ":")
		if !errors.As(err, new(Mistakes)) || !strings.Contains(err.Error(), "f.yaml:3: "+key) {
			t.Errorf("%s: got %v, want a mistake in it", text, err)
		}
	}
	for _, listen := range []string{"*:80", "a b:80", "http:80:80", ":-1", "10.0.0.0/8:80", "a,b:80", "[::1:80"} {
		if _, err := Parse("f.yaml", fmt.Appendf(nil, "%slisten: [{address: %q}]\n", someNode, listen)); !errors.As(err, new(Mistakes)) {
			t.Errorf("listen on %s: got %v, want a mistake", listen, err)
		}
	}
	for _, node := range []string{"name: .., url: 'http://x'", "name: ., url: 'http://x'", "name: --force, url: 'http://x'", "name: -x, url: 'http://x'", "name: a, url: 'http://224.0.0.1'", "name: a, url: 'http://[ff02::1]:80'"} {
		if _, err := Parse("f.yaml", fmt.Appendf(nil, "listen: [{address: ':81'}]\nnodes: [{%s}]\n", node)); !errors.As(err, new(Mistakes)) {
			t.Errorf("node %s: got %v, want a mistake", node, err)
		}
	}
}
