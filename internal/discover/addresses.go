package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// addresses looks names up. IPv4 and IPv6 are asked for apart, so that it shows
// when one of them fails: its addresses stay what they were then.
type addresses struct {
	resolver *net.Resolver
	last     map[question][]netip.Addr // the last answers that were none of a failure
}

type question struct{ network, host string }

// answer is that to one question. An address that is not there is no error.
type answer struct {
	question
	found []netip.Addr
	err   error
}

// lookUp returns the addresses of a host. It errors unless it has found some now.
func (a *addresses) lookUp(ctx context.Context, host string) (all []netip.Addr, err error) {
	answers := make(chan answer, 2)
	for _, network := range []string{"ip4", "ip6"} {
		go func() { answers <- a.ask(ctx, question{network, host}) }()
	}
	found := false
	for range cap(answers) {
		got := <-answers
		if got.err != nil {
			err = got.err
			all = append(all, a.last[got.question]...)
			continue
		}
		a.last[got.question] = got.found
		all, found = append(all, got.found...), found || len(got.found) > 0
	}
	switch {
	case found:
		return all, nil
	case err == nil:
		err = fmt.Errorf("%s: %w", host, ErrNone)
	}
	return nil, err
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
