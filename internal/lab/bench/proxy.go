//go:build linux

package main

import (
	"embed"
	"fmt"
	"slices"

	"fermata/internal/lab/rival"
)

//go:embed config
var configs embed.FS

// direct is no proxy: the clients connect to the nodes.
const direct = "direct"

// rivals are those that Fermata's figures are divided by.
var rivals = []string{"nginx", "haproxy"}

func allProxies() []rival.Program { return append(rival.Programs(), rival.Named(direct)) }

// chosen are the proxies with these names, in the order of allProxies.
func chosen(names []string) ([]rival.Program, error) {
	all := allProxies()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p rival.Program) bool { return p.Name == name }) {
			return nil, fmt.Errorf("got proxy %q, want fermata, nginx, haproxy, caddy or direct", name)
		}
	}
	return slices.DeleteFunc(all, func(p rival.Program) bool { return !slices.Contains(names, p.Name) }), nil
}
