package nginxconf

import (
	"os"
	"path/filepath"

	"fermata/internal/nginxconf/syntax"
)

// everyInclude are the includes that found no file, at any depth: the others
// are not in what was read.
func everyInclude(block []syntax.Directive) (all []syntax.Directive) {
	for _, d := range block {
		if d.Name == "include" {
			all = append(all, d)
		}
		all = append(all, everyInclude(d.Block)...)
	}
	return all
}

// missingIncludes are those that could have had an upstream: inside of a server
// there is none.
func missingIncludes(block []syntax.Directive) (missing []syntax.Directive) {
	for _, d := range block {
		switch {
		case d.Name == "include" && filepath.Base(arg(d, 0)) != "mime.types":
			missing = append(missing, d)
		case d.Name == "http":
			missing = append(missing, missingIncludes(d.Block)...)
		}
	}
	return missing
}

// includes notes those that found no file.
func (d *draft) includes(main []syntax.Directive) {
	for _, include := range everyInclude(main) {
		if folder := filepath.Dir(d.resolve(arg(include, 0))); isFolder(folder) {
			d.note(other, include, "it finds no file today.")
			continue
		}
		d.note(first, include, "it finds no file, so that what it stands for is missing here: --prefix names nginx's folder.")
	}
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// assumed notes what was taken for granted about the name in a proxy_pass.
func (d *draft) assumed(s *site) {
	switch {
	case s.elsewhere:
		d.note("nodes", s.upstream.directive, "found through nginx.conf, which has this file's upstream.")
	case s.upstream.assumed:
		d.note(first, s.routes[0].pass.Directive, "there is no upstream %s in what was read, so it is taken for a host, with nginx's "+
			"own port for it. If another file of nginx has that upstream, import nginx.conf instead, which includes both.",
			visible(s.upstream.name))
	}
	if s.fragment && !d.front.behind && isRegular(filepath.Join(d.prefix, "nginx.conf")) {
		d.hint(first, "This is a part of what nginx reads: nginx.conf may have more for it, such as set_real_ip_from, and other "+
			"sites on the same ports. fermata import takes all of that from nginx.conf.")
	}
}
