package nginxconf

import (
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
	"fermata/proxy"
)

// realIPFrom are the networks from which nginx believes a client's address.
func (d *draft) realIPFrom(s *site) (networks []string) {
	for _, directive := range s.each("set_real_ip_from") {
		text := arg(directive, 0)
		var network proxy.Network
		if err := network.UnmarshalText([]byte(text)); err != nil {
			d.note(first, directive, "no address and no network; put those that it stands for into trusted_proxies, or into proxy_protocol of listen.")
			continue
		}
		d.settle(directive)
		if !slices.Contains(networks, scalar(text)) {
			networks = append(networks, scalar(text))
		}
	}
	return networks
}

// headerNetworks are those that must begin with a header of the PROXY protocol.
func (d *draft) headerNetworks(s *site, l *listener) []string {
	if networks := d.realIPFrom(s); len(networks) > 0 {
		return networks
	}
	d.note(first, l.from, "nginx does not say which proxies send the header of the PROXY protocol: put their networks into "+
		"proxy_protocol of listen, since with 0.0.0.0/0 every client can give itself any address.")
	return []string{scalar("0.0.0.0/0"), scalar("::/0")}
}

// noteRealIPHeader takes over in which field the address is, and is whether that is
// a field of the request.
func (d *draft) noteRealIPHeader(s *site, used bool) (ofRequest bool) {
	for _, directive := range s.each("real_ip_recursive") {
		d.settle(directive)
		if arg(directive, 0) != "on" {
			d.note("trusted_proxies", directive, "Fermata passes over all trusted proxies, as nginx does with on.")
		}
	}
	headers := s.each("real_ip_header")
	if len(headers) == 0 && used {
		d.add("headers", "  client: %s # nginx's default", proxy.XRealIP)
	}
	ofRequest = true
	for _, directive := range headers {
		d.settle(directive)
		ofRequest = d.realIPHeader(directive) && ofRequest
	}
	return ofRequest
}

func (d *draft) realIPHeader(directive syntax.Directive) (ofRequest bool) {
	switch name := strings.ToLower(arg(directive, 0)); name {
	case "proxy_protocol":
		return false
	case string(proxy.XForwardedFor):
	case string(proxy.XRealIP), string(proxy.CFConnectingIP):
		if len(d.parts["headers"].lines) == 0 {
			d.add("headers", "  client: %s", name)
		}
	default:
		d.note("trusted_proxies", directive, "Fermata takes the client's address from X-Forwarded-For; most proxies send that as well.")
	}
	return true
}
