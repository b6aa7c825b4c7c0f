package config

import (
	"fmt"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/health"
)

// doubt adds warnings: what is valid, and may be meant, but seldom is.
func (r *report) doubt(c *Config) {
	r.doubtCookie(c)
	r.doubtACME(c)
	r.doubtHealth(c)
	r.doubtTimes(c)
	r.doubtCaps(c)
	r.doubtSession(c)
	r.prefer(len(c.Nodes) < 2 || c.Drain.MinUsable < c.mostNodes(), "drain.min_usable", "got %d, as many as there are nodes: every drain is refused, want less", c.Drain.MinUsable)
	for i, network := range c.TrustedProxies {
		r.prefer(network.Bits() > 0, fmt.Sprintf("trusted_proxies[%d]", i), "got %v, so that every client can give itself any address, want the proxies' networks", network)
	}
	for i, listen := range c.Listen {
		for j, network := range listen.ProxyProtocol {
			r.prefer(network.Bits() > 0, fmt.Sprintf("listen[%d].proxy_protocol[%d]", i, j), "got %v, so that every client can give itself any address, want the proxies' networks", network)
		}
	}
	for i, node := range c.Nodes {
		e, _ := hostPortOf(node.URL.Host)
		r.prefer(!e.ip.IsUnspecified(), fmt.Sprintf("nodes[%d].url", i), "got %q, which is this machine, want http://127.0.0.1:%d, or the node's own address", node.URL, e.port)
	}
}

// doubtCaps looks for nodes that would end before their cap, and for clients that
// no node would have room for.
func (r *report) doubtCaps(c *Config) {
	room, capped := 0, !c.Discovers()
	for i, node := range c.Nodes {
		room, capped = room+int(node.MaxConnections), capped && node.MaxConnections > 0
		r.prefer(node.MaxConnections <= balancer.SafeCap, fmt.Sprintf("nodes[%d].max_connections", i),
			"got %s, which needs ext-uv on the node, want %s without it: Reverb then ends at about 1,017 connections", node.MaxConnections, balancer.DefaultCap)
	}
	r.prefer(!capped || c.Limits.MaxClients <= room, "limits.max_clients",
		"got %d, want %d at most, which is what the nodes' max_connections allow together", c.Limits.MaxClients, room)
}

func (r *report) doubtCookie(c *Config) {
	o := c.Sticky.Cookie
	app := c.PathPrefix + "/app/"
	below := strings.HasPrefix(app, strings.TrimSuffix(o.Path, "/")+"/")
	r.prefer(below, "sticky.cookie.path", "got %q, where clients of %sKEY do not send it, want / or %s", o.Path, app, strings.TrimSuffix(app, "/"))
	r.prefer(o.MaxAge == 0 || o.MaxAge >= time.Minute, "sticky.cookie.max_age", "got %v, after which a client may get another node, want at least 1m, or 0s", o.MaxAge)
	r.prefer(!o.Partitioned || o.SameSite == "none", "sticky.cookie.partitioned", "got true with same_site %s, so that no embedded page sends it, want same_site none", o.SameSite)
	for i, key := range o.Secrets {
		for j, before := range o.Secrets[:i] {
			r.prefer(key != before, fmt.Sprintf("sticky.cookie.secrets[%d]", i), "got the same as secrets[%d], want another", j)
		}
	}
}

func (r *report) doubtHealth(c *Config) {
	o := c.Health
	r.prefer(o.Type == health.TypeReverb || o.Reverb.AppKey == "", "health.reverb.app_key", "got a key that a check of type %s does not use, want health.type reverb", o.Type)
	doubled := c.PathPrefix != "" && strings.HasPrefix(o.HTTP.Path, c.PathPrefix+"/")
	r.prefer(!doubled, "health.http.path", "got %q, so that checks ask for %s%s, want a path below path_prefix", o.HTTP.Path, c.PathPrefix, o.HTTP.Path)
}

func (r *report) doubtTimes(c *Config) {
	t, l := c.Timeouts, c.Limits
	r.prefer(t.Handshake > t.Answer, "timeouts.handshake", "got %v, in which no second node is asked, want more than timeouts.answer, which is %v", t.Handshake, t.Answer)
	r.prefer(t.Handshake > t.Dial, "timeouts.handshake", "got %v, in which no second node is dialled, want more than timeouts.dial, which is %v", t.Handshake, t.Dial)
	r.prefer(t.Request >= t.Header, "timeouts.request", "got %v, want at least timeouts.header, which is %v", t.Request, t.Header)
	r.prefer(l.MaxAge == 0 || l.MaxAge >= time.Minute, "limits.max_age", "got %v, so that clients come anew all the time, want at least 1m, or 0s for never", l.MaxAge)
	r.prefer(l.MaxSilence == 0 || l.MaxSilence >= time.Minute, "limits.max_silence", "got %v, which ends healthy clients: pusher-js says nothing for 30s and more, want at least 1m, or 0s for never", l.MaxSilence)
}
