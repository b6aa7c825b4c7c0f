package nginxconf

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/nginxconf/syntax"
)

// node is a server of the upstream.
type node struct {
	name   string
	scheme string // http:// or https://
	host   string // HOST:PORT
	extra  string // , key: value, …
}

// nodes are the upstream's servers that Fermata can reach. Those that it does
// not take over keep their number, so that they can be put in later.
func (d *draft) nodes(s *site) error {
	taken, capped, secure := map[string]bool{}, false, d.nodeTLS(s)
	for i, server := range named(s.upstream.directive.Block, "server") {
		d.settle(server)
		n, ok := d.node(server, fmt.Sprintf("%s-%d", nodeBase(s.upstream), i+1))
		n.scheme, n.extra = secure.scheme(), n.extra+secure.extra()
		switch {
		case !ok:
		case taken[strings.ToLower(n.host)]:
			d.note("nodes", server, "the same node again; a larger share of the clients is its weight.")
		case isSpare(server):
			d.add("nodes", "  #- %s", n)
		default:
			taken[strings.ToLower(n.host)] = true
			capped = capped || strings.Contains(n.extra, "max_connections")
			d.add("nodes", "  - %s", n)
		}
	}
	if len(taken) == 0 {
		return noNode(s.upstream)
	}
	d.noteCap(s, capped)
	return nil
}

// noNode says of every server why it cannot be a node.
func noNode(u upstream) error {
	text := refuse(u.directive, "got no server in it that can be a node, want HOST:PORT").Error()
	for _, server := range named(u.directive.Block, "server") {
		if _, why := nodeHost(arg(server, 0)); why != "" {
			text += "\n  " + refuse(server, "%s", why).Error()
		}
	}
	return &placed{text}
}

func (n node) String() string {
	return fmt.Sprintf("{name: %s, url: %s%s}", n.name, quote(n.scheme+n.host), n.extra)
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// nodeBase is what the nodes are called, before the number.
func nodeBase(u upstream) string {
	if !u.declared {
		return "reverb"
	}
	base := strings.Trim(notInNames.ReplaceAllString(u.name, "-"), "-.")
	if base == "" {
		return "node"
	}
	return base[:min(len(base), 40)]
}

func (d *draft) node(server syntax.Directive, name string) (node, bool) {
	n := node{name: name}
	host, why := nodeHost(arg(server, 0))
	if why != "" {
		d.note(first, server, "%s", why)
		return n, false
	}
	n.host = host
	if strings.HasPrefix(host, "0.0.0.0:") {
		n.host = "127.0.0.1" + strings.TrimPrefix(host, "0.0.0.0")
		d.note("nodes", server, "as a destination 0.0.0.0 is this machine, 127.0.0.1.")
	}
	for _, option := range server.Args[1:] {
		n.extra += d.nodeOption(server, option)
	}
	return n, true
}

// nodeHost is the HOST:PORT of a server, or why it has none.
func nodeHost(address string) (host, why string) {
	if strings.HasPrefix(address, "unix:") {
		return "", "Fermata reaches nodes over TCP only; give this one a port."
	}
	var u balancer.URL
	if strings.ContainsAny(address, "$/?#@\\ ") || u.UnmarshalText([]byte("http://"+address)) != nil {
		return "", "no HOST:PORT; put the node in by hand."
	}
	port := u.Host[strings.LastIndexByte(u.Host, ':')+1:]
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		return "", "no port of 1 to 65535; put the node in by hand."
	}
	return u.Host, ""
}

// nodeOption is what the option adds to the node.
func (d *draft) nodeOption(server syntax.Directive, option string) string {
	key, value, _ := strings.Cut(option, "=")
	number, err := strconv.Atoi(value)
	about := optionOf(server, option)
	switch {
	case key == "weight" && number > balancer.MaxWeight:
		d.note("nodes", about, "a weight is at most %d here; divide all of them.", balancer.MaxWeight)
	case key == "weight" && err == nil && number > 1:
		return fmt.Sprintf(", weight: %d", number)
	case key == "max_conns" && err == nil && number > 0:
		return fmt.Sprintf(", max_connections: %d", number)
	case option == "weight=1", option == "max_conns=0", option == "slow_start=0":
	case key == "max_fails", key == "fail_timeout":
		d.note("health", about, "nginx counts its own failed requests; Fermata checks the nodes itself (interval, fall and rise).")
	case key == "slow_start":
		d.noteSlowStart(about, value)
	case option == "down":
		d.note("nodes", about, "left out, but prepared. Put it in, and fermata drain keeps clients off it.")
	case option == "backup":
		d.note("nodes", about, "left out, but prepared: Fermata keeps no node in reserve. Put it in as one like the others.")
	case option == "resolve":
		d.note("nodes", about, "Fermata looks a name up whenever it connects to the node, and takes it for one node.")
	case option == "drain":
		d.note("nodes", about, "a drain is a command: fermata drain.")
	default:
		d.note("nodes", about, "Fermata has nothing for it.")
	}
	return ""
}

// noteSlowStart is silent where limits take the value over.
func (d *draft) noteSlowStart(about syntax.Directive, value string) {
	if t, ok := parseDuration(value); !ok || t > longest {
		d.note("limits", about, "no time; see limits.slow_start.")
	}
}

// optionOf stands for one option of a server.
func optionOf(server syntax.Directive, option string) syntax.Directive {
	server.Args = []string{arg(server, 0), option}
	return server
}

// isSpare tells whether nginx sends it no clients as a rule.
func isSpare(server syntax.Directive) bool {
	return slices.Contains(server.Args, "down") || slices.Contains(server.Args, "backup")
}

// noteCap says what a cap is for, or what is different about it.
func (d *draft) noteCap(s *site, capped bool) {
	switch {
	case !capped:
		d.hint("nodes", "nginx has no max_conns here, so each node takes 950 clients: Reverb without ext-uv ends at about 1,017. With ext-uv see max_connections.")
	case len(named(s.upstream.directive.Block, "zone")) == 0 && s.upstream.declared:
		d.hint("nodes", "Without a zone nginx counts max_conns for each of its worker processes; Fermata counts all clients of a node.")
	}
}

// slowStart is the longest slow_start of the upstream's servers.
func slowStart(s *site) (found time.Duration) {
	for _, server := range named(s.upstream.directive.Block, "server") {
		for _, option := range server.Args {
			value, isOne := strings.CutPrefix(option, "slow_start=")
			if t, ok := parseDuration(value); isOne && ok && t <= longest {
				found = max(found, t)
			}
		}
	}
	return found
}
