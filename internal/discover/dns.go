package discover

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/balancer"
)

// limit bounds one look.
const limit = 5 * time.Second

// InDNS looks for nodes at the addresses of a name, or of the targets of its SRV
// records.
func InDNS(resolver *net.Resolver, entry string, s Source) Look {
	known := &addresses{resolver: resolver}
	look := func(ctx context.Context) ([]Node, error) { return atPort(ctx, known, entry, s) }
	if s.Records() {
		look = func(ctx context.Context) ([]Node, error) { return atTargets(ctx, known, entry, s) }
	}
	return func(ctx context.Context) ([]Node, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return look(ctx)
	}
}

// atPort are the nodes at the addresses of the host.
func atPort(ctx context.Context, known *addresses, entry string, s Source) (nodes []Node, err error) {
	found, err := known.lookUp(ctx, s.Host)
	for _, address := range found[s.Host] {
		nodes = append(nodes, Node{Name: atAddress(entry, address, 0), URL: urlOf(s, address, uint16(s.Port))})
	}
	return nodes, err
}

// atTargets are the nodes at the addresses of the targets, with the port and the
// weight of each record. A target without an address is none.
func atTargets(ctx context.Context, known *addresses, entry string, s Source) (nodes []Node, err error) {
	records, err := targets(ctx, known.resolver, s.Host)
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, r := range records {
		hosts = append(hosts, r.Target)
	}
	slices.Sort(hosts)
	found, err := known.lookUp(ctx, slices.Compact(hosts)...)
	for _, r := range records {
		for _, address := range found[r.Target] {
			nodes = append(nodes, Node{
				Name: atAddress(entry, address, r.Port), URL: urlOf(s, address, r.Port), Weight: max(1, int(r.Weight)),
			})
		}
	}
	return nodes, err
}

// mostTargets is enough to see that there are too many nodes.
const mostTargets = 2 * Most

// targets are the SRV records of a name that count: those of the lowest priority,
// which is the one that is to be tried first.
func targets(ctx context.Context, resolver *net.Resolver, name string) (records []*net.SRV, err error) {
	all, err := lookUpSRV(ctx, resolver, name)
	if isMissing(err) {
		return nil, ErrNone
	}
	if len(all) == 0 {
		return nil, err // otherwise it is about some of the records
	}
	for _, r := range all { // the lowest priority first
		if r.Target != "." && r.Port != 0 && r.Priority == all[0].Priority {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b *net.SRV) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	return records[:min(len(records), mostTargets)], nil
}

// lookUpSRV ends with ctx, which LookupSRV does not before its time is up.
func lookUpSRV(ctx context.Context, resolver *net.Resolver, name string) (records []*net.SRV, err error) {
	type answer struct {
		records []*net.SRV
		err     error
	}
	come := make(chan answer, 1)
	go func() {
		_, records, err := resolver.LookupSRV(ctx, "", "", name)
		come <- answer{records, err}
	}()
	select {
	case got := <-come:
		return got.records, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func urlOf(s Source, address netip.Addr, port uint16) balancer.URL {
	return balancer.URL{Host: net.JoinHostPort(address.String(), strconv.Itoa(int(port))), TLS: s.TLS()}
}
