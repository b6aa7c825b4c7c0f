package proxy

import (
	"errors"
	"net/http"
	"strconv"
)

// errHead is a plain request whose head is more than a node may get.
var errHead = errors.New("the head is too large")

// fit leaves out fields that Fermata adds to a request of that size, the least
// important first, where the request is too large for a node with them and not
// without. It returns the size then.
func (c *client) fit(h http.Header, size int, added ...string) int {
	limit, least := c.options.Limits.MaxHeaderBytes, size
	for _, name := range added {
		least -= fieldSize(h, name)
	}
	if least > limit {
		return size // it goes as it is to a node that takes more
	}
	for _, name := range added {
		if size > limit {
			size -= fieldSize(h, name)
			delete(h, name)
		}
	}
	return size
}

// fieldSize is how many bytes the field has in a request.
func fieldSize(h http.Header, name string) (size int) {
	for _, value := range h[name] {
		size += len(name) + len(": \r\n") + len(value)
	}
	return size
}

// fitUpgrade fits an upgrade, whose head has that size.
func (c *client) fitUpgrade(h http.Header, size int) int {
	return c.fit(h, size, string(c.options.Headers.RequestID), "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Via")
}

// fitPlain fits a plain request into what a node takes as a whole: Reverb
// counts the body too. The error is errHead.
func (c *client) fitPlain(r *http.Request) error {
	whole := c.fit(r.Header, plainHead(r)+int(r.ContentLength),
		string(c.options.Headers.RequestID), "Connection", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Via")
	if whole-int(r.ContentLength) > c.options.Limits.MaxHeaderBytes {
		return errHead
	}
	return nil
}

// plainHead is how many bytes the head has that http.Transport writes.
func plainHead(r *http.Request) int {
	size := len(r.Method+" "+r.URL.RequestURI()+" HTTP/1.1\r\nHost: "+r.Host+"\r\n") + len("\r\n")
	if r.ContentLength > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		size += len("Content-Length: \r\n" + strconv.FormatInt(r.ContentLength, 10))
	}
	for name := range r.Header {
		switch {
		case name == "Content-Length": // counted
		case name == "User-Agent" && r.Header.Get(name) == "": // so that there is none
		default:
			size += fieldSize(r.Header, name)
		}
	}
	return size
}
