package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"time"

	"fermata/internal/admin/endpoint"
	"fermata/internal/certs"
	"fermata/internal/secret"
)

func (r *report) validateListeners(listeners []Listen, now time.Time) {
	r.want(len(listeners) > 0, "listen", "got no listeners, want at least one")
	for i, listen := range listeners {
		path := fmt.Sprintf("listen[%d]", i)
		r.wantAddress(path+".address", listen.Address, "HOST:PORT or :PORT")
		if listen.TLS != nil {
			r.validateTLS(path+".tls", *listen.TLS, now)
		}
	}
}

// listenHost is an address, maybe with its zone, a name, or nothing.
var listenHost = regexp.MustCompile(`^([0-9A-Fa-f:.]+(%[0-9A-Za-z._-]+)?|[0-9A-Za-z._-]*)$`)

func (r *report) wantAddress(path, address, want string) {
	host, _, err := net.SplitHostPort(address)
	r.want(err == nil && listenHost.MatchString(host), path, "got %q, want %s", address, want)
	r.wantPort(path, address, 0)
}

func (r *report) validateTLS(path string, o TLS, now time.Time) {
	if o.ClientCA != "" {
		_, err := certs.LoadCA(o.ClientCA)
		r.want(err == nil, path+".client_ca", "got a file that cannot be used, want another: %v", err)
	}
	r.oneOf(path+".min_version", o.MinVersion, "1.2", "1.3")
	if o.TicketSecret != "" {
		r.atLeastBytes(path+".ticket_secret", len(o.TicketSecret))
	}
	r.want(len(o.Certificates) > 0 || o.ACME != nil, path+".certificates", "got no certificates, want at least one, or acme")
	for i, pair := range o.Certificates {
		r.validatePair(fmt.Sprintf("%s.certificates[%d]", path, i), pair, now)
	}
}

func (r *report) validatePair(path string, pair certs.Pair, now time.Time) {
	r.want(pair.Cert != "", path+".cert", "got nothing, want a PEM file")
	r.want(pair.Key != "", path+".key", "got nothing, want a PEM file")
	if pair.Cert == "" || pair.Key == "" || r.isWrong(path+".cert") || r.isWrong(path+".key") {
		return
	}
	err := certs.Check(pair, now)
	refused := errors.Is(err, certs.ErrNotValidNow)
	r.want(err == nil || refused, path, "got a pair that cannot be served, want another: %v", err)
	r.want(!refused || !r.strict, path, "got a pair that clients refuse, want another: %v", err)
	r.prefer(!refused, path, "got a pair that clients refuse, want another: %v", err)
}

// longestUnixPath fits into a socket's address on every system.
const longestUnixPath = 103

func (r *report) validateAdmin(o endpoint.Options) {
	r.validateTokens(o)
	for i, host := range o.Hosts {
		r.want(isServerName(host), fmt.Sprintf("admin.hosts[%d]", i), "got %.300q, want a name such as fermata.internal, without a port", host)
	}
	if o.TLS != nil {
		r.validatePair("admin.tls", *o.TLS, time.Now())
	}
	if path, unix := endpoint.Socket(o.Address); unix {
		r.want(path != "" && len(path) <= longestUnixPath, "admin.address", "got %q, want unix:PATH with a path of 1 to %d bytes", o.Address, longestUnixPath)
		return
	}
	if o.Address == "" {
		return
	}
	r.wantAddress("admin.address", o.Address, "unix:PATH, HOST:PORT, or nothing for no admin endpoint")
	open := !r.isWrong("admin.address") && !isLoopback(o.Address)
	r.want(o.Token != "" || !open, "admin.token", "got no token for %q, want one, since others than this machine can reach it", o.Address)
}

// validateTokens looks at what operators bring.
func (r *report) validateTokens(o endpoint.Options) {
	tokens := map[string]secret.Text{"admin.token": o.Token, "admin.old_token": o.OldToken, "admin.read_token": o.ReadToken}
	for path, token := range tokens {
		if token == "" {
			continue
		}
		r.atLeastBytes(path, len(token))
		r.want(o.Token != "", path, "got it without admin.token, want both")
		for other, same := range tokens {
			r.want(path <= other || token != same, path, "got the same as %s, want another", other)
		}
	}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return err == nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
