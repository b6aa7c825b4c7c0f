package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/balancer"
	"fermata/internal/discover"
)

func node(name, host string, weight int) discover.Node {
	return discover.Node{Name: name, URL: balancer.URL{Host: host}, Weight: weight}
}

func TestAFileOfNodesIsYAMLOrJSON(t *testing.T) {
	want := []discover.Node{node("b-10.0.0.1-8080", "10.0.0.1:8080", 0), node("second", "reverb-2:80", 3)}
	want[1].MaxConnections, want[1].Capped = 0, true
	for _, text := range []string{
		"- url: http://10.0.0.1:8080\n- {name: second, url: 'http://reverb-2', weight: 3, max_connections: none}\n",
		`[{"url": "http://10.0.0.1:8080"}, {"name": "second", "url": "http://reverb-2:80", "weight": 3, "max_connections": "none"}]`,
		"[\n\t{\"url\":\"http:\\/\\/10.0.0.1:8080\"},\n\t{\"name\":\"second\",\"url\":\"http:\\/\\/reverb-2\\/\",\"weight\":3,\"max_connections\":\"none\"}\n]\n", // as PHP writes it
	} {
		got, err := ParseNodes("nodes.yaml", "b", []byte(text))
		if fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestANodeOfAFileHasWhatIsNotGivenFromItsEntry(t *testing.T) {
	got, err := ParseNodes("nodes.yaml", "b", []byte("- {url: 'http://10.0.0.1', max_connections: 30}\n- {url: 'http://h', weight: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	entry := balancer.NodeOptions{Name: "b", Weight: 5, MaxConnections: 70}
	if o := got[0].Options(entry); o.Weight != 5 || o.MaxConnections != 30 || o.Name != "b-10.0.0.1-80" {
		t.Errorf("got %+v, want weight 5 and 30 clients", o)
	}
	if o := got[1].Options(entry); o.Weight != 2 || o.MaxConnections != 70 || o.Name != "b-h-80" {
		t.Errorf("got %+v, want weight 2 and 70 clients", o)
	}
}

func TestAFileOfNodesIsAsStrictAsTheConfiguration(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		got, err := ParseNodes("nodes.yaml", "b", []byte(text))
		if err == nil || got != nil {
			t.Errorf("%q: got %v and %v, want mistakes", text, got, err)
			return
		}
		if want := "nodes.yaml:" + strings.Join(want, "\nnodes.yaml:"); err.Error() != want {
			t.Errorf("%q: got\n%v\nwant\n%s", text, err, want)
		}
	}
	f("", "1: got an empty file, want a list of nodes")
	f("[]", "1: got no nodes, want at least one")
	f("nodes: []\n", "1: got a mapping, want a list")
	f("- http://10.0.0.1\n", "1: [0]: got a single value, want keys: name, url, weight, max_connections")
	f("- {url: 'http://10.0.0.1'}\n- {url: 'http://10.0.0.1:80'}\n", `2: [1].url: got "10.0.0.1:80", want another than [0].url`, `2: [1].name: got "b-10.0.0.1-80", want another than [0].name`)
	f("- {url: 'http://10.0.0.1', wieght: 2}\n- {name: -x, url: 'http://h', weight: 0, max_connections: 0}\n",
		"1: [0].wieght: got an unknown key, want one of name, url, weight, max_connections (weight?)",
		`2: [1].max_connections: got 0, want none or a number such as 950`,
		`2: [1].name: got "-x", want 1 to 63 letters, digits or . _ -, the first no . or -`,
		`2: [1].weight: got 0, want 1 to 1000000`)
	f("- {url: 'http://10.0.0.1', url: 'http://10.0.0.2'}\n", "1: [0].url: got this key again, want it once (line 1 has it)")
	f("[\n{\"url\": \"http://10.0.0.1\"},\n{\"ur", "3: got broken YAML: found unexpected end of stream")
	f("- {url: 'http://10.0.0.1'}\n---\n- {}\n", "2: got a second document, want one")
	f("- {url: 'ws://10.0.0.1'}\n", `1: [0].url: got "ws://10.0.0.1", want http://HOST:PORT or https://HOST:PORT`)
	f("- &a {url: 'http://10.0.0.1'}\n", "1: [0]: "+gotAlias)
	long := strings.Repeat("x", 60)
	f("- {url: 'http://"+long+"'}\n", fmt.Sprintf(`1: [0].name: got "b-%s-80", want 1 to 63 letters, digits or . _ -, the first no . or -`, long))
	var many []map[string]string
	for i := range discover.Most + 1 {
		many = append(many, map[string]string{"url": fmt.Sprintf("http://10.0.%d.%d", i/256, i%256)})
	}
	text, _ := json.Marshal(many)
	f(string(text), "1: got 501 nodes, want 500 at most")
}

func TestACheckLooksIntoTheFileOfNodes(t *testing.T) {
	dir := t.TempDir()
	name, nodes := filepath.Join(dir, "fermata.yaml"), filepath.Join(dir, "nodes.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(name, listening+"nodes: [{name: b, discover: file, file: nodes.yaml}]\nlog: {level: loud}\n")
	write(nodes, "- {}\n")
	_, err := Check(name)
	if want := name + ":3: log.level: got \"loud\", want one of debug, info, warn, error\n" + nodes + ":1: [0].url: got nothing, want http://HOST:PORT or https://HOST:PORT"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	write(name, listening+"nodes: [{name: b, discover: file, file: nodes.yaml}]\n")
	if _, err := Load(name); err != nil {
		t.Errorf("got %v, want Fermata to start, and to say then what is wrong", err)
	}
	os.Remove(nodes)
	c, err := Check(name)
	if err != nil || len(c.Warnings) != 1 || c.Warnings[0].Path != "nodes[0].file" {
		t.Errorf("a file that is not there: got %v, %v, want a warning", c, err)
	}
	if c.Nodes[0].File != nodes {
		t.Errorf("got %s, want the path to be relative to the configuration", c.Nodes[0].File)
	}
}
