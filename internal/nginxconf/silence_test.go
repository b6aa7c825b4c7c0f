package nginxconf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fermata/internal/nginxconf/syntax"
)

// doneAnyway are directives that say what Fermata does by itself, or what is
// nginx's default: without them the result is the same.
var doneAnyway = []string{
	"proxy_http_version 1.1", "proxy_set_header Upgrade $http_upgrade", "proxy_set_header Connection upgrade",
	"proxy_set_header Connection Upgrade", "proxy_set_header Connection $connection_upgrade", "proxy_set_header Connection $proxy_connection",
	"proxy_set_header Host $host", "proxy_set_header Host $http_host", "proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key",
	"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for", "proxy_set_header X-Forwarded-Proto $scheme",
	"map $http_upgrade $connection_upgrade", "map $http_upgrade $proxy_connection", "server_name _",
	"client_max_body_size 1m", "keepalive_timeout 60", "keepalive_timeout 1m", "real_ip_recursive on",
	"real_ip_header X-Forwarded-For", "ssl_protocols TLSv1.2 TLSv1.3", "proxy_ssl_server_name on",
}

// A directive that could be taken out of the file without a change of the result
// would be one that disappears in silence.
func TestNothingOfAFileDisappearsInSilence(t *testing.T) {
	for _, e := range examples(t) {
		file := absolute(t, filepath.Join("testdata", e.file))
		prefix := folderOf(file)
		main, err := syntax.Read(file, prefix)
		if err != nil {
			continue // refused, with its line
		}
		whole, err := translate(main, file, prefix, e.o)
		if err != nil {
			continue
		}
		with := oneLine(whole.Text)
		eachDirective(main, func(path []syntax.Directive) {
			without := dropped(main, key(path[len(path)-1]))
			got, err := translate(without, file, prefix, e.o)
			if err != nil || oneLine(got.Text) != with || isNamed(with, path, prefix) || isDoneAnyway(path) {
				return
			}
			t.Errorf("%s: got the same without %s, want it taken over or named", e.golden, written(path))
		})
	}
}

// oneLine has every comment on a line of its own.
func oneLine(text []byte) string { return strings.ReplaceAll(string(text), "\n#   ", " ") }

// eachDirective calls f with every directive, behind the blocks around it.
func eachDirective(block []syntax.Directive, f func(path []syntax.Directive)) {
	for _, d := range block {
		f([]syntax.Directive{d})
		eachDirective(d.Block, func(path []syntax.Directive) { f(slices.Insert(slices.Clone(path), 0, d)) })
	}
}

// dropped is the tree without a directive, wherever it is included.
func dropped(block []syntax.Directive, which string) []syntax.Directive {
	kept := []syntax.Directive{}
	for _, d := range block {
		if key(d) == which {
			continue
		}
		if d.Block != nil {
			d.Block = dropped(d.Block, which)
		}
		kept = append(kept, d)
	}
	return kept
}

// isNamed tells whether a comment names a block around the directive as one
// that is left as a whole: it leads to no node.
func isNamed(text string, path []syntax.Directive, prefix string) bool {
	d := newDraft(prefix)
	for _, block := range path[:len(path)-1] {
		about := block
		if block.Name == "server" {
			about = titled(&scope{directive: block, block: block.Block})
		}
		leads := slices.ContainsFunc(routesOf(nil, &scope{block: block.Block}), func(r route) bool { return strings.Contains(text, "from upstream "+r.pass.host+" in ") })
		if strings.Contains(text, d.place(about)) && !leads {
			return true
		}
	}
	return false
}

func isDoneAnyway(path []syntax.Directive) bool {
	if d := path[len(path)-1]; d.Name == "listen" && len(path) > 1 {
		_, port := splitListen(arg(d, 0)) // Fermata has one listener for IPv4 and IPv6, and for all addresses
		ports := portsOf(&scope{block: path[len(path)-2].Block, outer: &scope{}})
		first := slices.Index(ports, port)
		if slices.Contains(ports[first+1:], port) || port == "80" {
			return true
		}
	}
	return slices.ContainsFunc(path, func(d syntax.Directive) bool {
		return slices.Contains(doneAnyway, strings.Join(append([]string{d.Name}, d.Args...), " "))
	})
}

func written(path []syntax.Directive) string {
	var b strings.Builder
	for _, d := range path {
		fmt.Fprintf(&b, "/ %s %s (line %d) ", d.Name, strings.Join(d.Args, " "), d.Line)
	}
	return b.String()
}

func TestWhatTheFileSaysOfADirectiveIsOnStandardErrorToo(t *testing.T) {
	for _, e := range examples(t) {
		file := absolute(t, filepath.Join("testdata", e.file))
		result, err := Import(file, e.o)
		if err != nil {
			continue
		}
		notes, d := strings.Join(result.Notes, "\n"), newDraft(folderOf(file))
		main, _ := syntax.Read(file, folderOf(file))
		eachDirective(main, func(path []syntax.Directive) {
			place := d.place(path[len(path)-1])
			if strings.Contains(oneLine(result.Text), place) && !strings.Contains(notes, place) {
				t.Errorf("%s: got nothing of %s, want what the file says of it", e.golden, place)
			}
		})
	}
}
