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

// addresses looks names up. IPv4 and IPv6 are asked for apart, so that it shows
// when one of them fails: its addresses stay what they were then.
type addresses struct {
	resolver *net.Resolver
	last     map[question][]netip.Addr // the answers of the last look, those that it kept with them
}

type question struct{ network, host string }

// answer is that to one question. An address that is not there is no error.
type answer struct {
	question
	found []netip.Addr
	err   error
}

// atOnce is how many questions are asked at the same time.
const atOnce = 16

// lookUp returns the addresses of hosts. It errors unless it has found some now.
func (a *addresses) lookUp(ctx context.Context, hosts ...string) (all map[string][]netip.Addr, err error) {
	all, found := make(map[string][]netip.Addr), false
	last := make(map[question][]netip.Addr)
	for _, got := range a.askAll(ctx, hosts) {
		if got.err != nil {
			err, got.found = got.err, a.last[got.question]
		} else {
			found = found || len(got.found) > 0
		}
		last[got.question] = got.found
		all[got.host] = append(all[got.host], got.found...)
	}
	a.last = last
	switch {
	case found:
		return all, nil
	case err == nil:
		err = ErrNone
	}
	return nil, err
}

// askAll asks for both kinds of addresses of all hosts.
func (a *addresses) askAll(ctx context.Context, hosts []string) (answers []answer) {
	places := make(chan struct{}, atOnce)
	come := make(chan answer)
	for _, host := range hosts {
		for _, network := range []string{"ip4", "ip6"} {
			go func() {
				places <- struct{}{}
				defer func() { <-places }()
				come <- a.ask(ctx, question{network, host})
			}()
		}
	}
	for range 2 * len(hosts) {
		answers = append(answers, <-come)
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.network+a.host, b.network+b.host) })
	return answers
}

func (a *addresses) ask(ctx context.Context, q question) answer {
	found, err := a.resolver.LookupNetIP(ctx, q.network, q.host)
	if isMissing(err) {
		return answer{question: q}
	}
	if err != nil {
		return answer{q, nil, err}
	}
	fit := fitting(found)
	if len(fit) == 0 {
		err = fmt.Errorf("%s: got %v, want addresses of machines", q.host, found)
	}
	return answer{q, fit, err}
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
