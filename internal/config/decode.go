package config

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"fermata/internal/secret"
)

// decoder walks the YAML beside the Go value that it fills. yaml.v3's own
// decoding ends at the first mistake of some kinds, and knows no paths.
type decoder struct{ *report }

// decode fills config, which holds the defaults, with what the file says. A
// value that is wrong stays as it was.
func decode(r *report, root *yaml.Node, config *Config) {
	decoder{r}.value(root, reflect.ValueOf(config).Elem(), "", root.Line)
}

// value decodes what stands at path, which is given in that line.
func (d decoder) value(n *yaml.Node, out reflect.Value, path string, line int) {
	d.lines[path] = line
	_, isText := out.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0:
		d.add(line, path, gotAlias)
	case out.Kind() == reflect.Pointer:
		d.pointer(n, out, path, line)
	case isNull(n):
	case out.Kind() == reflect.Struct && !isText:
		d.mapping(n, out, path, line)
	case out.Kind() == reflect.Slice:
		d.list(n, out, path, line)
	default:
		d.scalar(n, out, path, line)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// pointer makes the section that the key announces, even when it is empty: a
// tls without anything must not become plain HTTP.
func (d decoder) pointer(n *yaml.Node, out reflect.Value, path string, line int) {
	out.Set(reflect.New(out.Type().Elem()))
	setDefaults(out.Elem())
	d.value(n, out.Elem(), path, line)
}

func setDefaults(v reflect.Value) {
	if v, ok := v.Addr().Interface().(interface{ SetDefaults() }); ok {
		v.SetDefaults()
	}
}

func (d decoder) mapping(n *yaml.Node, out reflect.Value, path string, line int) {
	if n.Kind != yaml.MappingNode {
		d.add(line, path, "got %s, want keys: %s", kind(n), strings.Join(keysOf(out.Type()), ", "))
		return
	}
	first := map[string]int{} // the line where each key is given
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		field := slices.Index(keysOf(out.Type()), key.Value)
		switch before, again := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.add(key.Line, path, "got %s for a key, want one of %s", kind(key), strings.Join(keysOf(out.Type()), ", "))
		case field < 0:
			d.unknownKey(key, out.Type(), path)
		case again:
			d.add(key.Line, at, "got this key again, want it once (line %d has it)", before)
		default:
			first[key.Value] = key.Line
			d.value(value, out.FieldByIndex(fieldsOf(out.Type())[field].Index), at, key.Line)
		}
	}
}

// unknownKey adds the mistake under the key's own path, unless its text is no
// fit for one.
func (d decoder) unknownKey(key *yaml.Node, in reflect.Type, path string) {
	name := key.Value
	if quoted := strconv.Quote(name); name == "" || len(name) > 64 || quoted[1:len(quoted)-1] != name {
		name = fmt.Sprintf("%.64q", name)
	}
	message := "got an unknown key, want one of " + strings.Join(keysOf(in), ", ")
	if near := nearest(key.Value, keysOf(in)); near != "" {
		message += " (" + near + "?)"
	}
	d.add(key.Line, join(path, name), "%s", message)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keysOf are the keys of a struct's fields, in their order.
func keysOf(t reflect.Type) []string {
	var keys []string
	for _, field := range fieldsOf(t) {
		keys = append(keys, field.Tag.Get("yaml"))
	}
	return keys
}

// fieldsOf are the fields that keys fill, those of embedded structs with them.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(field reflect.StructField) bool {
		return field.Anonymous || field.Tag.Get("yaml") == "-"
	})
}

func (d decoder) list(n *yaml.Node, out reflect.Value, path string, line int) {
	if n.Kind != yaml.SequenceNode {
		d.add(line, path, "got %s, want a list", kind(n))
		return
	}
	list := reflect.Zero(out.Type())
	for i, item := range n.Content {
		element := reflect.New(out.Type().Elem()).Elem()
		setDefaults(element)
		d.value(item, element, fmt.Sprintf("%s[%d]", path, i), item.Line)
		list = reflect.Append(list, element)
	}
	out.Set(list)
}

func (d decoder) scalar(n *yaml.Node, out reflect.Value, path string, line int) {
	if n.Kind != yaml.ScalarNode {
		d.add(line, path, "got %s, want a single value", kind(n))
		return
	}
	text, err := expand(n.Value, os.LookupEnv)
	if err == nil {
		err = decodeText(text, out)
	}
	if err == nil && text == "" && n.Value != "" && out.Type() == reflect.TypeFor[secret.Text]() {
		err = fmt.Errorf("got an empty environment variable, want a secret") // and not to go without one
	}
	if err != nil {
		d.add(line, path, "%s", err)
	}
}

// decodeText reads the text of a single value. Its errors show the text; those
// types that hold a secret take any text, and so have no errors.
func decodeText(text string, out reflect.Value) error {
	switch v := out.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text))
	case *time.Duration:
		return decodeDuration(text, v)
	case *int, *int64:
		return decodeInt(text, out)
	case *float64:
		return decodeFloat(text, v)
	case *bool:
		return decodeBool(text, v)
	}
	out.SetString(text)
	return nil
}

func decodeDuration(text string, out *time.Duration) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("got %q, want a duration with its unit, such as 500ms, 2s or 10m", text)
	}
	*out = d
	return nil
}

func decodeInt(text string, out reflect.Value) error {
	i, err := strconv.ParseInt(text, 10, out.Type().Bits())
	if err != nil {
		return fmt.Errorf("got %q, want a whole number", text)
	}
	out.SetInt(i)
	return nil
}

func decodeFloat(text string, out *float64) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f-f != 0 { // Inf and NaN are no settings
		return fmt.Errorf("got %q, want a number such as 1.25", text)
	}
	*out = f
	return nil
}

func decodeBool(text string, out *bool) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("got %q, want true or false", text)
	}
	*out = text == "true"
	return nil
}

// kind says what a node is, and nothing of its content, which may be a secret.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
