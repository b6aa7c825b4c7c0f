package proxy

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headBuffer is what a newcomer's head is read into.
type headBuffer [4 << 10]byte // browsers' heads are of a quarter of that

// upgrade is the request that the first n bytes are, if they are one for a WebSocket
// that an http.Server would take, too, and the rest of them. Nil: they are not, or not
// that alone, and the rest is all of them.
func (b *headBuffer) upgrade(ctx context.Context, n int) (r *http.Request, rest []byte) {
	head, rest := cutHead(b[:n])
	if r = readUpgrade(ctx, string(head)); r == nil {
		return nil, b[:n]
	}
	return r, rest
}

// cutHead is a head without the empty line at its end, and what comes after that.
// Without an end there is none.
func cutHead(b []byte) (head, rest []byte) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, b
	}
	return b[:end+2], b[end+4:]
}

// readUpgrade is the request for a WebSocket that a head is, as an http.Server reads it.
// Nil: it is none, or there is something unusual in it. The request keeps the text.
func readUpgrade(ctx context.Context, head string) *http.Request {
	line, text, _ := strings.Cut(head, "\r\n")
	u, target := readTarget(line)
	if u == nil {
		return nil
	}
	h := readFields(text)
	host := h["Host"]
	if len(host) != 1 || host[0] == "" || !httpguts.ValidHostHeader(host[0]) || !isUsual(h) {
		return nil
	}
	delete(h, "Host")
	r := &http.Request{
		Method: http.MethodGet, URL: u, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: http.NoBody, Host: host[0],
	}
	if !wantsUpgrade(r) {
		return nil
	}
	return r.WithContext(ctx)
}

// readTarget is the target of a GET of a path; nil: the line is something else.
func readTarget(line string) (u *url.URL, target string) {
	target, version := strings.CutSuffix(line, " HTTP/1.1")
	target, get := strings.CutPrefix(target, "GET ")
	if !version || !get || !strings.HasPrefix(target, "/") || strings.Contains(target, " ") {
		return nil, ""
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, ""
	}
	return u, target
}
