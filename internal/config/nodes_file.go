package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"

	"fermata/balancer"
	"fermata/internal/discover"
)

// fileNode is one node in a file of nodes. What is not given is its entry's.
type fileNode struct {
	Name           string       `yaml:"name"`
	URL            balancer.URL `yaml:"url"`
	Weight         int          `yaml:"weight"`
	MaxConnections balancer.Cap `yaml:"max_connections"`
}

// LoadNodes reads a file of nodes, a list in YAML or JSON, for the entry of that
// name. Its error is Mistakes, with all of them.
func LoadNodes(path, entry string) ([]discover.Node, error) {
	text, err := ReadNodes(path)
	if err != nil {
		return nil, err
	}
	return ParseNodes(path, entry, text)
}

// ReadNodes returns the text of a file of nodes. Its error is Mistakes.
func ReadNodes(path string) ([]byte, error) { return readFile(path) }

// ParseNodes takes the text of a file of nodes of that name, as LoadNodes does.
func ParseNodes(path, entry string, text []byte) ([]discover.Node, error) {
	r := newReport(path)
	r.holds = "a list of nodes"
	root := parseYAML(r, asYAML(text))
	if root == nil {
		return nil, r.mistakes.orNil()
	}
	var nodes []fileNode
	decoder{r}.value(root, reflect.ValueOf(&nodes).Elem(), "", root.Line)
	found := r.validateFileNodes(nodes, entry)
	if err := r.mistakes.orNil(); err != nil {
		return nil, err
	}
	return found, nil
}

// escape is a backslash in JSON and what follows it.
var escape = regexp.MustCompile(`\\.`)

// asYAML makes YAML of JSON, where that is none: PHP writes http:\/\/ for http://.
func asYAML(text []byte) []byte {
	if !json.Valid(text) {
		return text
	}
	return escape.ReplaceAllFunc(text, func(pair []byte) []byte {
		if string(pair) == `\/` {
			return pair[1:]
		}
		return pair
	})
}

func (r *report) validateFileNodes(nodes []fileNode, entry string) (found []discover.Node) {
	r.want(len(nodes) > 0 || len(r.mistakes) > 0, "", "got no nodes, want at least one")
	r.want(len(nodes) <= discover.Most, "", "got %d nodes, want %d at most", len(nodes), discover.Most)
	names, urls := map[string]string{}, map[string]string{}
	for i, n := range nodes {
		path := fmt.Sprintf("[%d]", i)
		_, named := r.lines[path+".name"]
		_, weighs := r.lines[path+".weight"]
		_, capped := r.lines[path+".max_connections"]
		r.want(n.URL.Host != "", path+".url", "got nothing, want http://HOST:PORT or https://HOST:PORT")
		r.wantPort(path+".url", n.URL.Host, 1)
		r.unique(urls, path+".url", n.URL.Host)
		if !named {
			n.Name = discover.AtURL(entry, n.URL)
		}
		r.wantName(path+".name", n.Name)
		r.unique(names, path+".name", n.Name)
		r.want(!weighs || n.Weight >= 1 && n.Weight <= balancer.MaxWeight, path+".weight", "got %d, want 1 to %d", n.Weight, balancer.MaxWeight)
		found = append(found, discover.Node{Name: n.Name, URL: n.URL, Weight: n.Weight, MaxConnections: n.MaxConnections, Capped: capped})
	}
	return found
}

// validateNodesFile looks, when it is asked to be strict, at what is in the file
// now. Fermata starts without it.
func (r *report) validateNodesFile(path string, n Node) {
	r.want(n.File != "", path+".file", "got nothing, want the path of a file")
	if !r.strict || n.File == "" {
		return
	}
	if _, err := os.Stat(n.File); errors.Is(err, fs.ErrNotExist) {
		r.prefer(false, path+".file", "got %q, which is not there, want it when Fermata starts", n.File)
		return
	}
	_, err := LoadNodes(n.File, n.Name)
	if mistakes, wrong := errors.AsType[Mistakes](err); wrong {
		r.beside = append(r.beside, mistakes...)
	}
}
