package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// A rejection is why a client is refused that may well be a proper one.
type rejection struct {
	result string // of the metric
	status int
	after  time.Duration // when it may come back; 0: it need not
	told   string
}

// Why strangers are refused.
var (
	denied    = &rejection{"denied", http.StatusForbidden, 0, "got a client whose address may not come in here"}
	badOrigin = &rejection{"origin", http.StatusForbidden, 0, "got an Origin that may not come in here"}
	crowded   = &rejection{"clients_per_ip", http.StatusTooManyRequests, 10 * time.Second, "got too many clients from this address at the same time"}
	hasty     = &rejection{"upgrades_per_ip", http.StatusTooManyRequests, time.Second, "got too many upgrades from this address in a second"}
)

// Denies is whether a client of that address is refused. It may be called
// concurrently.
func (h *Handler) Denies(client netip.Addr) bool { return h.options.Load().denies(client) }

// Network is the part of an address that counts. It may be called concurrently.
func (h *Handler) Network(client netip.Addr) netip.Prefix {
	return h.options.Load().Address.Network(client)
}

func (o *Options) denies(client netip.Addr) bool {
	if len(o.Deny) == 0 && len(o.Allow) == 0 || isIn(client, o.TrustedProxies) {
		return false
	}
	return isIn(client, o.Deny) || len(o.Allow) > 0 && !isIn(client, o.Allow)
}

// network is the part of the client's address that counts.
func (c *client) network() netip.Prefix { return c.options.Address.Network(c.ip) }

// admitStranger counts the client at its address; or it is refused, before a node
// is asked.
func (u *upgrade) admitStranger() *rejection {
	if !allowsOrigin(u.options.AllowedOrigins, u.r.Header["Origin"]) {
		return badOrigin
	}
	o := &u.options.Limits
	if o.ClientsPerIP == 0 && o.UpgradesPerIP == 0 || u.options.exempts(u.ip) {
		return nil
	}
	if o.UpgradesPerIP > 0 && !u.h.crowd.mayAsk(u.network(), o.UpgradesPerIP, time.Now()) {
		return hasty
	}
	if o.ClientsPerIP == 0 {
		return nil
	}
	if !u.h.crowd.enter(u.network(), o.ClientsPerIP) {
		return crowded
	}
	u.stay.enter(inCrowd)
	return nil
}

// exempts is whether no limit by address holds for the client.
func (o *Options) exempts(client netip.Addr) bool {
	return isIn(client, o.Limits.Exempt) || isIn(client, o.TrustedProxies)
}

// refuseStranger answers a client that may not come in, or not now.
func (h *Handler) refuseStranger(w http.ResponseWriter, c *client, why *rejection) {
	h.metrics.Handshake("", why.result)
	h.noteRefused(c, why.result, why.status, why.told)
	if why.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(why.after.Seconds())))
	}
	refuse(w, why.status, why.told)
}
