package proxy

import "strings"

// forwardedHops reads Forwarded (RFC 7239 section 4): hops apart by commas, of
// name=value pairs apart by semicolons, where values may be quoted.
func forwardedHops(values []string) (hops []hop) {
	for _, value := range values {
		for _, element := range splitQuoted(value, ',') {
			hops = append(hops, forwardedHop(element))
		}
	}
	return hops
}

func forwardedHop(element string) (h hop) {
	for _, pair := range splitQuoted(element, ';') {
		name, value, _ := strings.Cut(pair, "=")
		value = unquoted(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "for":
			h.from = value
		case "proto":
			h.proto = value
		case "host":
			h.host = value
		}
	}
	return h
}

// splitQuoted splits at a separator outside of quoted strings.
func splitQuoted(s string, at byte) (parts []string) {
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

// unquoted is the text of a token, or of a quoted string.
func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i < len(s)-2 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
