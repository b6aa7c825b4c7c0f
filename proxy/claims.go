package proxy

import (
	"net/http"
	"strings"
)

// isClaim is whether a field of that name tells a node about the client, so
// that only a trusted proxy may send it. Nodes behind CGI take X_Real_IP for
// X-Real-IP, and some take other signs for a - as well.
func isClaim(name string) bool {
	if hasOdd(name) {
		name = http.CanonicalHeaderKey(strings.Map(dashed, name))
	}
	return isKnownClaim(name) ||
		strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Original-") || strings.HasSuffix(name, "-Client-Ip")
}

// isKnownClaim is whether it is one of the fields, beside X-Forwarded-*, in which
// proxies and content networks say who the client is and what it has asked for.
func isKnownClaim(name string) bool {
	switch name {
	case "Forwarded", "Forwarded-For", "Client-Ip", "Remote-Addr", "Real-Ip",
		"X-Client-Ip", "X-Real-Ip", "X-Real-Port", "X-Remote-Ip", "X-Remote-Addr", "X-Remote-Host", "X-Originating-Ip", "X-Proxyuser-Ip",
		"X-Scheme", "X-Url-Scheme", "X-Proto", "X-Https", "X-Ssl", "X-Host", "Front-End-Https", "X-Rewrite-Url",
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Cf-Visitor", "Cloudfront-Viewer-Address", "Cloudfront-Forwarded-Proto",
		"X-Azure-Clientip", "X-Azure-Socketip", "X-Envoy-External-Address", "X-Appengine-User-Ip", "Fly-Forwarded-Proto", "Fly-Forwarded-Port",
		"Ali-Cdn-Real-Ip", "X-Nf-Client-Connection-Ip":
		return true
	}
	return false
}

// hasOdd is whether there is a sign in the name that some nodes take for a -.
func hasOdd(name string) bool {
	for _, r := range name {
		if isOdd(r) {
			return true
		}
	}
	return false
}

func isOdd(r rune) bool {
	return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '-')
}

func dashed(r rune) rune {
	if isOdd(r) {
		return '-'
	}
	return r
}
