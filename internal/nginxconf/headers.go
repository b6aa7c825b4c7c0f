package nginxconf

import (
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// forwarded are the headers that a node gets from Fermata, too, with the values
// for which it gets the same.
var forwarded = map[string][]string{
	"host":              {"$host", "$http_host", "$host:$server_port"},
	"upgrade":           {"websocket"},
	"connection":        {"", "upgrade", "Upgrade", "$connection_upgrade", "$proxy_connection"},
	"x-forwarded-for":   {"$proxy_add_x_forwarded_for", "$remote_addr"},
	"x-forwarded-proto": {"$scheme"},
	"x-forwarded-host":  {"$host", "$http_host"},
}

// header says what becomes of a proxy_set_header; an empty reason: a node gets
// the same from Fermata.
func header(d syntax.Directive) (section, why string) {
	name, value := strings.ToLower(arg(d, 0)), arg(d, 1)
	if value == "$http_"+strings.ReplaceAll(name, "-", "_") || slices.Contains(forwarded[name], value) {
		return "", ""
	}
	switch name {
	case "origin":
		return first, "Fermata passes the client's own Origin on, with which Reverb compares the app's allowed_origins: put the hosts " +
			"of your pages there."
	case "x-forwarded-for":
		return first, "Fermata takes the client's address from X-Forwarded-For as trusted_proxies send it, and passes that on."
	case "x-forwarded-proto", "x-forwarded-host":
		return other, "Fermata sends what it sees itself, or what trusted_proxies say."
	case "host", "upgrade", "connection":
		return other, "Fermata passes the client's own on."
	}
	return other, "Reverb does not read it, and Fermata does not set it."
}
