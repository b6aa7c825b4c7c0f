package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/discover"
)

func (r *report) validateNodes(nodes []Node) {
	r.want(len(nodes) > 0, "nodes", "got no nodes, want at least one")
	names, urls, hosts, files := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for i, node := range nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		r.wantName(path+".name", node.Name)
		r.unique(names, path+".name", node.Name)
		r.wantPort(path+".url", node.URL.Host, 1)
		r.unique(urls, path+".url", node.URL.Host)
		r.between(path+".weight", node.Weight, 1, balancer.MaxWeight)
		if !node.Finds() && !r.isWrong(path+".discover") {
			r.want(node.URL.Host != "", path+".url", "got nothing, want http://HOST:PORT or https://HOST:PORT")
			r.unused(path, "got it without discover, want discover beside it", "host", "port", "srv", "scheme", "file", "every")
			r.validateNodeTLS(path, &nodes[i], node.URL.TLS, "url: https://…")
			continue
		}
		r.validateSource(path, node)
		r.validateNodeTLS(path, &nodes[i], node.Kind != discover.DNS || node.Source.TLS(), "scheme: https")
		r.unique(hosts, path+".host", placeOf(node.Source))
		r.unique(files, path+".file", node.File)
	}
}

func (r *report) wantName(path, name string) {
	r.want(IsNodeName(name), path, "got %q, want 1 to 63 letters, digits or . _ -, the first no . or -", name)
}

// placeOf is the same for the same nodes; empty: they are in a file.
func placeOf(s discover.Source) string {
	if s.Host == "" {
		return ""
	}
	return net.JoinHostPort(strings.TrimSuffix(s.Host, "."), strconv.Itoa(s.Port))
}

// unused adds the mistake for each of the keys that is given there.
func (r *report) unused(path, mistake string, keys ...string) {
	for _, key := range keys {
		_, given := r.lines[path+"."+key]
		r.want(!given, path+"."+key, "%s", mistake)
	}
}

func (r *report) validateSource(path string, n Node) {
	r.want(len(n.Name) <= discover.MostName, path+".name", "got %d characters, want %d at most, since each node's address follows", len(n.Name), discover.MostName)
	r.unused(path, "got it beside discover, want one of them", "url")
	r.within(path+".every", n.Every, time.Second, time.Hour)
	switch n.Kind {
	case discover.DNS:
		r.unused(path, "got it with discover: dns, want discover: file", "file")
		r.oneOf(path+".scheme", n.Scheme, "http", "https")
		named := n.TLS != nil && n.TLS.ServerName != ""
		r.want(!n.Source.TLS() || !n.Records() || named, path+".tls.server_name", "got nothing with SRV records, want the name in the nodes' certificates")
		r.validateHost(path, n.Source)
	case discover.File:
		r.unused(path, "got it with discover: file, want discover: dns", "host", "port", "srv", "scheme")
		r.validateNodesFile(path, n)
	default:
		r.oneOf(path+".discover", n.Kind, discover.DNS, discover.File)
	}
}

// hostName is a name that DNS may have, with the underscores of SRV records.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`)

func (r *report) validateHost(path string, s discover.Source) {
	_, err := netip.ParseAddr(s.Host)
	r.want(err != nil, path+".host", "got the address %s, want a name, or url: http://%s:PORT instead of discover", s.Host, s.Host)
	r.want(len(s.Host) <= 253 && hostName.MatchString(s.Host), path+".host", "got %.300q, want a name such as reverb.default.svc", s.Host)
	if s.Records() {
		r.unused(path, "got it with SRV records, want none: each record has its node's", "port", "weight")
		return
	}
	r.want(s.Port >= 1 && s.Port <= 65535, path+".port", "got %d, want 1 to 65535, or srv: true for the ports of SRV records", s.Port)
}
