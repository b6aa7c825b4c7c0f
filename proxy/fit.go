package proxy

import (
	"errors"
	"net/http"
	"strconv"
)

// errHead is a plain request whose head is more than a node may get.
var errHead = errors.New("the head is too large")

// surplus is how many of the fields that Fermata adds are left out of a request that is
// so many bytes too large for a node, the first ones first. It is none if that would not
// be enough: then the request goes as it is, to a node that takes more.
func surplus(over, added int, size func(i int) int) (n int) {
	for ; over > 0; n++ {
		if n == added {
			return 0
		}
		over -= size(n)
	}
	return n
}

// fitUpgrade leaves out some of what is added to a head of that size.
func (c *client) fitUpgrade(added []field, size int) []field {
	for _, f := range added {
		size += f.size()
	}
	return added[surplus(size-c.options.Limits.MaxHeaderBytes, len(added), func(i int) int { return added[i].size() }):]
}

// fitPlain fits a plain request into what a node takes as a whole: Reverb
// counts the body too. The error is errHead.
func (c *client) fitPlain(r *http.Request) error {
	limit, head := c.options.Limits.MaxHeaderBytes, plainHead(r)
	added := []string{string(c.options.Headers.RequestID), "Connection", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Via"}
	size := func(i int) int { return fieldSize(r.Header, added[i]) }
	for _, name := range added[:surplus(head+int(r.ContentLength)-limit, len(added), size)] {
		head -= fieldSize(r.Header, name)
		delete(r.Header, name)
	}
	if head > limit {
		return errHead
	}
	return nil
}

// fieldSize is how many bytes the field has in a request.
func fieldSize(h http.Header, name string) (size int) {
	for _, value := range h[name] {
		size += len(name) + len(": \r\n") + len(value)
	}
	return size
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
