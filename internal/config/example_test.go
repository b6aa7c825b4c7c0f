package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"fermata/internal/certs"
	"fermata/internal/cluster"
	"fermata/internal/tracing"
)

const exampleFile = "../../config.example.yaml"

// readExample also switches on the settings that are commented out.
func readExample(t *testing.T) []byte {
	t.Helper()
	t.Setenv("REVERB_APP_SECRET", "hush-hush-hush-hush")
	t.Setenv("FERMATA_CLUSTER_REDIS", "redis://127.0.0.1:6379")
	t.Setenv("FERMATA_CLUSTER_SECRET", "hush-hush-hush-hush")
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^#(cluster:|tracing:|(?:  )+[a-z])`).ReplaceAll(text, []byte("$1"))
	return regexp.MustCompile(`(?m)^  #([- ] )`).ReplaceAll(text, []byte("  $1"))
}

// writeExample puts the example beside the certificates that it names.
func writeExample(t *testing.T) (name string, text []byte) {
	t.Helper()
	dir := t.TempDir()
	p, err := certs.WriteSelfSigned(dir, []string{"ws.example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for from, names := range map[string][]string{
		p.Cert: {"ws.example.com.pem", "nodes-ca.pem", "fermata.pem"}, p.Key: {"ws.example.com.key", "fermata.key"},
	} {
		for _, to := range names {
			if err := os.Link(from, filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "fermata.yaml"), readExample(t)
}

func TestTheExampleLoadsAsItIs(t *testing.T) {
	if _, err := Load(exampleFile); err != nil {
		t.Error(err)
	}
}

func TestTheExampleShowsTheDefaults(t *testing.T) {
	name, text := writeExample(t)
	got, err := Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	wantDefaults(t, got)
	got.Admin.TLS = nil
	got.Listen, got.Nodes, got.Apps, got.Health.Reverb.AppKey, got.Cluster, got.Tracing = nil, nil, nil, "", nil, nil
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want the defaults %+v", got, want)
	}
}

// wantDefaults looks at those sections of which Default has none.
func wantDefaults(t *testing.T, c *Config) {
	t.Helper()
	if len(c.Listen) != 2 || c.Listen[0].TLS != nil || c.Listen[1].TLS == nil {
		t.Fatalf("got %+v, want a plain listener and a TLS one", c.Listen)
	}
	var tls TLS
	var node Node
	var shared cluster.Options
	tls.SetDefaults()
	node.SetDefaults()
	if got := c.Listen[1].TLS.MinVersion; got != tls.MinVersion {
		t.Errorf("got min_version %s, want %s", got, tls.MinVersion)
	}
	shared.SetDefaults()
	shared.Redis, shared.Secret = c.Cluster.Redis, c.Cluster.Secret
	if *c.Cluster != shared {
		t.Errorf("got %+v, want %+v", *c.Cluster, shared)
	}
	var traces tracing.Options
	traces.SetDefaults()
	traces.Endpoint = c.Tracing.Endpoint
	if *c.Tracing != traces {
		t.Errorf("got %+v, want %+v", *c.Tracing, traces)
	}
	node.Name, node.URL = c.Nodes[0].Name, c.Nodes[0].URL
	if c.Nodes[0] != node {
		t.Errorf("got %+v, want %+v", c.Nodes[0], node)
	}
}

func TestTheExampleShowsEveryKey(t *testing.T) {
	report := newReport("config.example.yaml")
	decode(report, parseYAML(report, readExample(t)), Default())
	for _, path := range paths(reflect.TypeFor[Config](), "") {
		_, plain := report.lines[path]
		_, second := report.lines[regexp.MustCompile(`^listen\[0\]`).ReplaceAllString(path, "listen[1]")]
		_, found := report.lines[regexp.MustCompile(`^nodes\[0\]`).ReplaceAllString(path, "nodes[2]")]
		_, listed := report.lines[regexp.MustCompile(`^nodes\[0\]`).ReplaceAllString(path, "nodes[3]")]
		_, secure := report.lines[regexp.MustCompile(`^nodes\[0\]`).ReplaceAllString(path, "nodes[4]")]
		if !plain && !second && !found && !listed && !secure {
			t.Errorf("got no %s in the example, want every key", path)
		}
	}
}

// paths are those of all keys below a type, with [0] for the elements of lists.
func paths(of reflect.Type, at string) (all []string) {
	switch of.Kind() {
	case reflect.Pointer:
		return paths(of.Elem(), at)
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Struct && keysOf(of.Elem())[0] != "" {
			return paths(of.Elem(), at+"[0]")
		}
	case reflect.Struct:
		for _, field := range fieldsOf(of) {
			if key := field.Tag.Get("yaml"); key != "" {
				all = append(all, join(at, key))
				all = append(all, paths(field.Type, join(at, key))...)
			}
		}
	}
	return all
}

func TestEveryFieldOfConfigHasAKey(t *testing.T) {
	known := paths(reflect.TypeFor[Config](), "")
	if len(known) < 60 {
		t.Errorf("got %d keys, want all of them (60 or more)", len(known))
	}
	if want := []string{"listen", "listen[0].address", "listen[0].tls"}; !reflect.DeepEqual(known[:3], want) {
		t.Errorf("got %v, want %v", known[:3], want)
	}
}
