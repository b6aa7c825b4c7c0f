package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// withoutDefault are the options that have no default; the example's value for them
// is only an example.
var withoutDefault = []string{
	"listen[].address", "listen[].tls.certificates[].cert", "listen[].tls.certificates[].key", "listen[].tls.acme.domains", "nodes[].name", "nodes[].url",
	"apps[].id", "apps[].key", "apps[].secret",
	"cluster.redis", "cluster.secret", "tracing.endpoint",
}

// ofSome are those that only some entries of a list have.
var ofSome = []string{
	"nodes[].discover", "nodes[].host", "nodes[].port", "nodes[].file",
	"nodes[].tls.ca", "nodes[].tls.server_name", "nodes[].tls.client_cert", "nodes[].tls.client_key",
	"admin.tls.cert", "admin.tls.key",
}

func TestTheReadmesConfigurationIsValid(t *testing.T) {
	name, _ := writeExample(t)
	_, after, _ := strings.Cut(read(t, "README.md"), "```yaml\nlisten:")
	text, _, _ := strings.Cut(after, "```")
	if _, err := Parse(name, []byte("listen:"+text)); err != nil {
		t.Error(err)
	}
}

func TestEveryOptionNamedInTheDocumentationExists(t *testing.T) {
	known := map[string]bool{}
	for _, path := range paths(reflect.TypeFor[Config](), "") {
		path = strings.ReplaceAll(path, "[0]", "")
		for ; path != ""; path = parent(path) {
			known[path] = true
		}
	}
	sections := strings.Join(allKeys, "|")
	named := regexp.MustCompile("`((?:" + sections + ")(?:\\[\\])?\\.[a-z0-9_.\\[\\]]+)")
	count := 0
	for _, file := range documents(t) {
		for _, match := range named.FindAllStringSubmatch(read(t, file), -1) {
			count++
			if path := strings.ReplaceAll(match[1], "[]", ""); !known[path] {
				t.Errorf("%s: got `%s`, want an option that there is", file, match[1])
			}
		}
	}
	if count < 100 {
		t.Errorf("got %d options named, want all of them (100 or more)", count)
	}
}

// documents are those that operators read, named from the project's root.
func documents(t *testing.T) []string {
	t.Helper()
	root := filepath.Dir(exampleFile)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("got %d pages and %v, want all of them (10 or more)", len(pages), err)
	}
	all := []string{"README.md", "CHANGELOG.md"}
	for _, page := range pages {
		all = append(all, filepath.Join("docs", filepath.Base(page)))
	}
	return all
}

// Pieces of a configuration stand alone in the documentation: what they lack is
// no mistake there.
func TestEveryPieceOfAConfigurationInTheDocumentationHasKnownKeysAndValues(t *testing.T) {
	t.Setenv("FERMATA_ADMIN_TOKEN", strings.Repeat("x", leastSecret))
	t.Setenv("FERMATA_CLUSTER_SECRET", strings.Repeat("x", leastSecret))
	key := regexp.MustCompile("^(" + strings.Join(allKeys, "|") + "):")
	for _, file := range documents(t) {
		for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(read(t, file), -1) {
			if !key.MatchString(block[1]) {
				continue // of a deploy tool
			}
			name, _ := writeExample(t)
			_, err := Parse(name, []byte(block[1]))
			var mistakes Mistakes
			errors.As(err, &mistakes)
			for _, m := range mistakes {
				if m.Path != "listen" && m.Path != "nodes" {
					t.Errorf("%s: got %v in\n%s", file, m, block[1])
				}
			}
		}
	}
}

// read is a file of the project, named from its root.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(exampleFile), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exampleOptions are the values in the example, by path.
func exampleOptions(t *testing.T) map[string]string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(readExample(t), &document); err != nil {
		t.Fatal(err)
	}
	options := make(map[string]string)
	collect(options, document.Content[0], "")
	return options
}

// collect adds what is below a node; the first element of a list that has an
// option is the one that counts.
func collect(options map[string]string, n *yaml.Node, at string) {
	switch {
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			collect(options, n.Content[i+1], join(at, n.Content[i].Value))
		}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		for _, element := range n.Content {
			if element.Kind == yaml.ScalarNode {
				collect(options, element, at)
			} else {
				collect(options, element, at+"[]")
			}
		}
	case options[at] != "":
	case n.Kind == yaml.SequenceNode:
		options[at] = "[]"
	case n.Value == "":
		options[at] = `""`
	default:
		options[at] = n.Value
	}
}
