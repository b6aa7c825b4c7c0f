package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// withoutDefault are the options that have no default; the example's value for them
// is only an example.
var withoutDefault = []string{
	"listen[].address", "listen[].tls.certificates[].cert", "listen[].tls.certificates[].key", "nodes[].name", "nodes[].url",
}

func TestTheReferenceListsEveryOptionWithItsDefault(t *testing.T) {
	want := exampleOptions(t)
	for _, path := range withoutDefault {
		want[path] = "required"
	}
	got := referenceOptions(t)
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			t.Errorf("%s: got %q in the reference, want %q", path, got[path], want[path])
		}
	}
	for path := range got {
		if _, known := want[path]; !known {
			t.Errorf("got %s in the reference, want only options that there are", path)
		}
	}
}

func TestTheReadmesConfigurationIsValid(t *testing.T) {
	name, _ := writeExample(t)
	_, after, _ := strings.Cut(read(t, "README.md"), "```yaml\nlisten:")
	text, _, _ := strings.Cut(after, "```")
	if _, err := Parse(name, []byte("listen:"+text)); err != nil {
		t.Error(err)
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

var optionRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `?([^`|]+?)`? \\|")

// referenceOptions are the defaults in the reference's table, by path.
func referenceOptions(t *testing.T) map[string]string {
	t.Helper()
	_, after, _ := strings.Cut(read(t, "docs/reference.md"), "\n## Options\n")
	section, _, _ := strings.Cut(after, "\n## ")
	options := make(map[string]string)
	for _, row := range optionRow.FindAllStringSubmatch(section, -1) {
		options[row[1]] = row[2]
	}
	return options
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
			collect(options, element, at+"[]")
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
