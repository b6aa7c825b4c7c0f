package config

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// hostPort is HOST:PORT, as far as it is known without asking for names.
type hostPort struct {
	host string     // lower case
	ip   netip.Addr // not valid: the host is a name
	port int        // 0: the system chooses one
}

// hostPortOf reads HOST:PORT. An empty host is every address, as [::] is.
func hostPortOf(address string) (e hostPort, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return e, false
	}
	e.host = strings.ToLower(host)
	e.port, err = strconv.Atoi(port)
	switch e.host {
	case "":
		e.ip = netip.IPv6Unspecified()
	case "localhost":
		e.ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		e.ip, _ = netip.ParseAddr(e.host)
		e.ip = e.ip.Unmap()
	}
	return e, err == nil
}

// String is the same for all spellings of an address.
func (e hostPort) String() string {
	if e.ip.IsValid() {
		return netip.AddrPortFrom(e.ip, uint16(e.port)).String()
	}
	return net.JoinHostPort(e.host, strconv.Itoa(e.port))
}

// same is whether both are one address.
func (e hostPort) same(other hostPort) bool {
	return e.port != 0 && e.String() == other.String()
}

// covers is whether whoever listens on e takes the other's connections, too.
func (e hostPort) covers(other hostPort) bool {
	switch {
	case e.same(other):
		return true
	case e.port == 0 || e.port != other.port || !e.ip.IsUnspecified():
		return false
	}
	return e.ip.Is6() || !other.ip.Is6() // on [::] one listens for IPv4, too
}

// overlap is whether only one of them can be listened on.
func overlap(a, b hostPort) bool { return a.covers(b) || b.covers(a) }

// leadsTo is whether a connection to e ends at that listener, on this machine,
// which has these addresses.
func (e hostPort) leadsTo(listener hostPort, own []netip.Addr) bool {
	if e.ip.IsUnspecified() {
		e.ip, e.host = netip.AddrFrom4([4]byte{127, 0, 0, 1}), "127.0.0.1" // where the system dials then
	}
	here := e.ip.IsLoopback() || slices.Contains(own, e.ip) || e.host == ownName()
	return listener.same(e) || here && listener.covers(e)
}

// ownAddresses are this machine's.
func ownAddresses() (all []netip.Addr) {
	addrs, _ := net.InterfaceAddrs() // without them less is found
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			ip, _ := netip.AddrFromSlice(network.IP)
			all = append(all, ip.Unmap())
		}
	}
	return all
}

// ownName is this machine's.
func ownName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return strings.ToLower(name)
}
