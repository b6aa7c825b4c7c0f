package discover

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"fermata/balancer"
)

// limit bounds one look.
const limit = 5 * time.Second

// Addresses looks for nodes at the addresses of a name, all with one port.
func Addresses(resolver *net.Resolver, entry string, s Source) Look {
	known := &addresses{resolver: resolver, last: make(map[question][]netip.Addr)}
	return func(ctx context.Context) ([]Node, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		found, err := known.lookUp(ctx, s.Host)
		var nodes []Node
		for _, address := range found {
			nodes = append(nodes, Node{Name: atAddress(entry, address, 0), URL: urlOf(address, uint16(s.Port))})
		}
		return nodes, err
	}
}

func urlOf(address netip.Addr, port uint16) balancer.URL {
	return balancer.URL{Host: net.JoinHostPort(address.String(), strconv.Itoa(int(port)))}
}
