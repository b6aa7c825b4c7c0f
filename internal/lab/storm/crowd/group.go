//go:build linux

package crowd

// group are the clients of one process.
type group struct {
	library string
	name    string // what its clients are called
	secure  bool   // they speak TLS
	clients int
}

// groups are all clients, in their order.
func (o *Options) groups() (groups []group) {
	for i, library := range o.Libraries {
		clients := share(o.Clients, len(o.Libraries), i)
		if o.Secure == "" {
			groups = append(groups, group{library, library, false, clients})
			continue
		}
		groups = append(groups,
			group{library, library, false, share(clients, 2, 0)},
			group{library, library + "-tls", true, share(clients, 2, 1)})
	}
	return groups
}

// share is how many of all go to the part of that number.
func share(all, parts, number int) int {
	part := all / parts
	if number < all%parts {
		part++
	}
	return part
}

// where is where a group connects.
func (o *Options) where(g group) (url string, hosts []string) {
	if g.secure {
		return "wss://" + o.Secure, []string{o.Secure}
	}
	return "ws://" + o.Hosts[0], o.Hosts
}
