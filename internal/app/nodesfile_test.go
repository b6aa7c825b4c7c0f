package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/admin"
)

// listing is a Fermata in front of the nodes of a file, which are in a folder that
// is mounted as Kubernetes does it: the file is a symlink to ..data/nodes.yaml, and
// ..data is one to a folder that is replaced as a whole.
type listing struct {
	*front
	dir     string
	version int
	port    string
}

func newListing(t *testing.T, hosts ...string) *listing {
	t.Helper()
	l := &listing{dir: t.TempDir(), port: startNodes(t, "127.0.0.2", "127.0.0.3")}
	if err := os.Symlink(filepath.Join("..data", "nodes.yaml"), l.file()); err != nil {
		t.Fatal(err)
	}
	l.front = &front{t: t}
	l.mount(l.listOf(hosts...))
	l.front = startFront(t, fmt.Sprintf("nodes: [{name: listed, discover: file, file: %q, every: 1s}]\n", l.file()), func(*App) {})
	return l
}

func (l *listing) file() string { return filepath.Join(l.dir, "nodes.yaml") }

func (l *listing) listOf(hosts ...string) (text string) {
	for _, host := range hosts {
		text += fmt.Sprintf("- url: http://%s:%s\n", host, l.port)
	}
	return text
}

// mount swaps the folder.
func (l *listing) mount(text string) {
	l.t.Helper()
	l.version++
	data := filepath.Join(l.dir, fmt.Sprintf("..%d", l.version))
	for _, err := range []error{
		os.Mkdir(data, 0o700),
		os.WriteFile(filepath.Join(data, "nodes.yaml"), []byte(text), 0o600),
		os.Symlink(filepath.Base(data), filepath.Join(l.dir, "..new")),
		os.Rename(filepath.Join(l.dir, "..new"), filepath.Join(l.dir, "..data")),
	} {
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *listing) called(host string) string { return "listed-" + host + "-" + l.port }

func TestNodesOfAFileComeAndGoWithIt(t *testing.T) {
	t.Parallel()
	l := newListing(t, "127.0.0.2")
	l.untilNodes(l.called("127.0.0.2"))
	l.mount(l.listOf("127.0.0.2", "127.0.0.3"))
	l.untilNodes(l.called("127.0.0.2"), l.called("127.0.0.3"))
	going := l.connectOn("127.0.0.2")
	l.mount(fmt.Sprintf(`[{"name": "second", "url": "http:\/\/127.0.0.3:%s", "weight": 3, "max_connections": 20}]`, l.port))
	if code := going.closed(); code != 4200 {
		t.Errorf("client of the node that is gone: got the code %d, want 4200", code)
	}
	l.untilNodes("second")
	l.until("second", "has what the file says", func(n admin.Node) bool {
		return n.Weight == 3 && n.MaxConnections == 20 && n.Discovered == "file "+l.file()
	})
}

func TestAFileThatIsWrongChangesNothingAndItsMistakesAreLogged(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	l := newListing(t, "127.0.0.2", "127.0.0.3")
	l.untilNodes(l.called("127.0.0.2"), l.called("127.0.0.3"))
	client := l.connect()
	f := func(what string, change func() error, want string) {
		t.Helper()
		failures := l.failures("listed")
		if err := change(); err != nil {
			t.Fatal(err)
		}
		l.eventually(what+", logged as "+want, func() (any, bool) { n := l.logged(want); return n, n == 1 })
		l.eventually("more looks", func() (any, bool) { n := l.failures("listed"); return n, n > failures+4 })
		l.untilNodes(l.called("127.0.0.2"), l.called("127.0.0.3"))
		if n := l.logged(want); n != 1 {
			t.Errorf("%s: got %d log lines of it, want 1", what, n)
		}
		client.answers()
	}
	write := func(text string) func() error {
		return func() error { return os.WriteFile(l.file(), []byte(text), 0o600) }
	}
	f("a mistake", write(l.listOf("127.0.0.2")+"- {uri: 'http://127.0.0.3'}\n"), l.file()+":2: [1].uri: got an unknown key")
	f("half of it", write(strings.TrimSuffix(l.listOf("127.0.0.2", "127.0.0.3"), "127.0.0.3:"+l.port+"\n")), l.file()+":2: [1].url: got \\\"http://\\\", want http://HOST:PORT")
	f("nothing in it", write(""), l.file()+":1: got an empty file, want a list of nodes")
	f("an empty list", write("[]\n"), l.file()+":1: got no nodes, want at least one")
	f("no file", func() error { return os.Remove(l.file()) }, l.file()+": got no such file or directory, want a readable file")
	if err := write(l.listOf("127.0.0.2", "127.0.0.3"))(); err != nil {
		t.Fatal(err)
	}
	l.untilLogged("nodes are found again")
	client.answers()
}
