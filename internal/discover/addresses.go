package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// addresses looks names up. What a look-up that fails has found before stays.
type addresses struct {
	resolver *net.Resolver
	last     map[string][]netip.Addr // of the last look, by host, with those that stayed
}

// answer is what was found of a host. No address is no error.
type answer struct {
	host        string
	found, stay []netip.Addr
	err         error
}

// lookUp returns the addresses of hosts. It errors unless it has found some now.
func (a *addresses) lookUp(ctx context.Context, hosts ...string) (all map[string][]netip.Addr, err error) {
	all, found := make(map[string][]netip.Addr), false
	for _, got := range a.askAll(ctx, hosts) {
		if got.err != nil {
			err, got.stay = got.err, a.last[got.host]
		}
		found = found || len(got.found) > 0
		all[got.host] = slices.Concat(got.found, got.stay)
	}
	a.last = all
	switch {
	case found:
		return all, nil
	case err == nil:
		err = ErrNone
	}
	return nil, err
}

// atOnce is how many hosts are asked for at the same time.
const atOnce = 16

func (a *addresses) askAll(ctx context.Context, hosts []string) (answers []answer) {
	places := make(chan struct{}, atOnce)
	come := make(chan answer)
	for _, host := range hosts {
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			come <- a.ask(ctx, host)
		}()
	}
	for range hosts {
		answers = append(answers, <-come)
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.host, b.host) })
	return answers
}

func (a *addresses) ask(ctx context.Context, host string) answer {
	all, err := a.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil && !isMissing(err) {
		return answer{host: host, err: err}
	}
	got := answer{host: host, found: fitting(all)}
	if len(all) > 0 && len(got.found) == 0 {
		got.err = fmt.Errorf("%s: got %v, want addresses of machines", host, all)
		return got
	}
	got.stay = append(a.unsure(ctx, got, "ip4", netip.Addr.Is4), a.unsure(ctx, got, "ip6", netip.Addr.Is6)...)
	return got
}

// unsure are the addresses of a kind of which the answer has none, and that may
// only be because they could not be looked up: the net package says nothing of that
// when it has some of the other kind. What it finds of one kind alone does not
// count, as that may be below another domain.
func (a *addresses) unsure(ctx context.Context, got answer, network string, kind func(netip.Addr) bool) []netip.Addr {
	before := slices.DeleteFunc(slices.Clone(a.last[got.host]), func(a netip.Addr) bool { return !kind(a) })
	if len(before) == 0 || slices.ContainsFunc(got.found, kind) {
		return nil
	}
	if _, err := a.resolver.LookupNetIP(ctx, network, got.host); isMissing(err) {
		return nil
	}
	return before
}

// isMissing is whether a name has no address of the kind, rather than that this
// is not known.
func isMissing(err error) bool {
	if failed, ok := errors.AsType[*net.DNSError](err); ok {
		return failed.IsNotFound
	}
	_, filtered := errors.AsType[*net.AddrError](err) // the system's files have one of the other kind
	return filtered
}

// fitting leaves out what is no address of one machine: some resolvers answer
// 0.0.0.0 for names that they block.
func fitting(found []netip.Addr) (fit []netip.Addr) {
	for _, address := range found {
		if address = address.Unmap().WithZone(""); !address.IsUnspecified() && !address.IsMulticast() {
			fit = append(fit, address)
		}
	}
	return fit
}
