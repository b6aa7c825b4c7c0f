package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"fermata/internal/secret"
)

const optionsPage = "../../docs/options.md"

var update = flag.Bool("update", false, "write docs/options.md")

const optionsHead = `# Options

Every key of the configuration. Where it begins, and what a reload changes, is in the [reference](reference.md#options). Types:
a duration has a unit (` + "`500ms`, `2s`, `10m`" + `); a secret is a text that is never shown, and best comes from a variable.

<!-- make reference writes this page, from config.example.yaml and the types of internal/config. -->

| option | type | default | meaning |
|---|---|---|---|
`

func TestThePageOfTheOptionsIsTheExampleWithTheirTypes(t *testing.T) {
	page := optionsHead
	values, texts := exampleOptions(t), exampleTexts(t)
	for _, o := range optionsOf(reflect.TypeFor[Config](), "") {
		value, there := values[o.path]
		if !there {
			t.Errorf("got no %s in the example, want every option", o.path)
		}
		page += fmt.Sprintf("| `%s` | %s | %s | %s |\n", o.path, typeName(o.of), defaultText(o.path, value), texts[o.path])
		delete(values, o.path)
	}
	for path := range values {
		t.Errorf("got %s in the example alone, want only options that there are", path)
	}
	if *update {
		if err := os.WriteFile(optionsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(optionsPage); err != nil || string(got) != page {
		t.Errorf("got %v and a page of %d bytes, want the %d that make reference writes", err, len(got), len(page))
	}
}

// option is one that a value can be given for.
type option struct {
	path string
	of   reflect.Type
}

// optionsOf are those below a type, with [] for the elements of lists.
func optionsOf(of reflect.Type, at string) (all []option) {
	switch of.Kind() {
	case reflect.Pointer:
		return optionsOf(of.Elem(), at)
	case reflect.Slice:
		if below := optionsOf(of.Elem(), at+"[]"); len(below) > 1 {
			return below
		}
	case reflect.Struct:
		for _, field := range fieldsOf(of) {
			if key := field.Tag.Get("yaml"); key != "" {
				all = append(all, optionsOf(field.Type, join(at, key))...)
			}
		}
	}
	if len(all) == 0 {
		all = []option{{at, of}}
	}
	return all
}

func typeName(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[time.Duration]():
		return "duration"
	case of == reflect.TypeFor[secret.Text]():
		return "secret"
	case of.Kind() == reflect.Slice:
		return "list of " + typeName(of.Elem()) + "s"
	case of.Kind() == reflect.Bool:
		return "`true`, `false`"
	case of.Kind() >= reflect.Int && of.Kind() <= reflect.Float64:
		return "number"
	}
	return "text"
}

func defaultText(path, value string) string {
	for _, required := range withoutDefault {
		if path == required {
			return "required"
		}
	}
	for _, none := range ofSome {
		if path == none {
			return "none"
		}
	}
	return "`" + value + "`"
}

// exampleTexts are the comments of the example, by the path of what they are about:
// those above it, and the one behind it.
func exampleTexts(t *testing.T) map[string]string {
	t.Helper()
	text := readExample(t)
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	texts, lines := make(map[string]string), strings.Split(string(text), "\n")
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		for i, below := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(below, at+"[]")
			case i%2 == 1:
				path := join(at, n.Content[i-1].Value)
				if texts[path] == "" {
					texts[path] = commentOf(lines, n.Content[i-1].Line-1)
				}
				walk(below, path)
			}
		}
	}
	walk(document.Content[0], "")
	return texts
}

var (
	behind = regexp.MustCompile(`\S\s+# (.*)$`)
	page   = regexp.MustCompile(`docs/([a-z]+\.md)(#[a-z-]+)?`)
)

// commentOf is what is said about the key in that line, with links.
func commentOf(lines []string, at int) string {
	text := ""
	if match := behind.FindStringSubmatch(lines[at]); match != nil {
		text = match[1]
	}
	for above := at - 1; above >= 0 && strings.HasPrefix(strings.TrimSpace(lines[above]), "#"); above-- {
		text = strings.TrimLeft(lines[above], " #") + " " + text
	}
	return page.ReplaceAllString(strings.TrimSpace(text), "[$1]($1$2)")
}
