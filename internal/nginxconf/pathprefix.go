package nginxconf

// pathPrefix is what all routes have before Reverb's own paths, as the nodes
// get them.
func (d *draft) pathPrefix(s *site) {
	found := map[string]bool{}
	for _, r := range s.routes {
		prefix, known := r.prefix()
		if !known {
			d.note(first, r.around().directive, "which path the nodes have before /app is not clear from it: see path_prefix.")
			continue
		}
		found[prefix] = true
	}
	if len(found) > 1 {
		for _, r := range s.routes {
			d.note(first, r.around().directive, "the locations have different paths before /app, and Fermata has one path_prefix.")
		}
		return
	}
	for prefix := range found {
		d.parts["path_prefix"].value = prefix
	}
}
