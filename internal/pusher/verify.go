package pusher

import (
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"fermata/internal/secret"
)

// Query is the query of a signed request to an app's HTTP API. It keeps how that
// was written.
type Query struct{ params []param }

// param is one NAME=VALUE.
type param struct{ raw, name, value string }

// paramName is a name that PHP takes as it is. Reverb leaves some out of what is
// signed, but these occur in no request.
var (
	paramName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	leftOut   = []string{"appId", "appKey", "channelName"}
)

// ReadQuery reads a query as it is in a request. It is false when the query has no
// signature, or is one that nodes may read otherwise: with a name twice, or with
// brackets in it.
func ReadQuery(raw string) (q Query, ok bool) {
	for text := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(text, "=")
		value, err := url.QueryUnescape(value)
		if err != nil || !paramName.MatchString(name) || slices.Contains(leftOut, name) || q.find(name) != nil {
			return Query{}, false
		}
		q.params = append(q.params, param{text, name, value})
	}
	return q, q.find("auth_signature") != nil
}

func (q Query) find(name string) *param {
	for i := range q.params {
		if q.params[i].name == name {
			return &q.params[i]
		}
	}
	return nil
}

// SignedBy is whether that secret has signed a request of this method, path and
// body, which is not empty. As with Reverb, that is all: any key and any time pass
// that are signed. But the md5 that the query claims must be that of the body.
func (q Query) SignedBy(secret secret.Text, method, path string, body [md5.Size]byte) bool {
	if claimed := q.find("body_md5"); claimed != nil && claimed.value != hex.EncodeToString(body[:]) {
		return false
	}
	return hmac.Equal([]byte(q.find("auth_signature").value), []byte(q.signature(secret, method, path, body)))
}

// SignAgain returns the query as it was, but for the signature and the md5 of
// another body.
func (q Query) SignAgain(secret secret.Text, method, path string, body [md5.Size]byte) string {
	all := make([]string, len(q.params))
	for i, p := range q.params {
		switch p.name {
		case "auth_signature":
			all[i] = "auth_signature=" + q.signature(secret, method, path, body)
		case "body_md5":
			all[i] = "body_md5=" + hex.EncodeToString(body[:])
		default:
			all[i] = p.raw
		}
	}
	return strings.Join(all, "&")
}

// signature covers the parameters in the order of their names, with the md5 of
// the body that is there, whether or not the query claims one.
func (q Query) signature(secret secret.Text, method, path string, body [md5.Size]byte) string {
	signed := []param{{name: "body_md5", value: hex.EncodeToString(body[:])}}
	for _, p := range q.params {
		if p.name != "auth_signature" && p.name != "body_md5" {
			signed = append(signed, p)
		}
	}
	slices.SortFunc(signed, func(a, b param) int { return cmp.Compare(a.name, b.name) })
	var text strings.Builder
	text.WriteString(method + "\n" + path + "\n")
	for i, p := range signed {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(p.name + "=" + p.value)
	}
	return sign(secret, text.String())
}
