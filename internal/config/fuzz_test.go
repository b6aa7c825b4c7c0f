package config

import (
	"errors"
	"os"
	"strings"
	"testing"

	"fermata/internal/discover"
)

// FuzzParse wants a configuration or mistakes of one line each, and no panic.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(required))
	f.Add([]byte("a: &a [*a, *a]\nb: {<<: *a}\n---\n? [x]\n: |\n  y\n"))
	f.Add([]byte("listen: [{address: x, tls: {certificates: [{cert: /dev/zero, key: .}]}}]\n"))
	f.Add([]byte("admin: {token: \"$${a} ${HOME} ${\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f.yaml", text)
		wantEither(t, c != nil, err)
	})
}

// wantEither wants something, or mistakes of one line each.
func wantEither(t *testing.T, something bool, err error) {
	t.Helper()
	var mistakes Mistakes
	switch {
	case something == (err != nil):
		t.Fatalf("got something: %v, and %v, want one of the two", something, err)
	case err != nil && !errors.As(err, &mistakes):
		t.Fatalf("got %T, want Mistakes", err)
	case err != nil && strings.Count(err.Error(), "\n") != len(mistakes)-1:
		t.Fatalf("got %q, want a line for each of %d mistakes", err, len(mistakes))
	}
}

// FuzzParseNodes wants nodes of which each can be one, or mistakes, and no panic.
func FuzzParseNodes(f *testing.F) {
	f.Add([]byte("- {name: a, url: 'http://10.0.0.1:8080', weight: 2, max_connections: none}\n- url: http://[fd00::1]\n"))
	f.Add([]byte(`[{"url": "http:\/\/reverb-1:80"}, {"url": "http://[::ffff:1.2.3.4]:1"}, {"name": "\\/"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		nodes, err := ParseNodes("n.yaml", "entry", text)
		wantEither(t, len(nodes) > 0, err)
		seen := make(map[string]bool)
		for _, n := range nodes {
			if name := strings.ToLower(n.Name); !IsNodeName(n.Name) || seen[name] || n.URL.Host == "" || len(nodes) > discover.Most {
				t.Fatalf("got %+v in %+v, want a node of its own", n, nodes)
			}
			seen[strings.ToLower(n.Name)] = true
		}
	})
}
