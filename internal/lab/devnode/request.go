package devnode

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strconv"
)

var (
	errTooLarge  = errors.New("the request has too many bytes")
	errMalformed = errors.New("the request cannot be read")
)

// read takes a request from the connection. Like Reverb, it knows bodies by
// their Content-Length alone, and takes whatever else came in the same reads
// for the body of a request without one.
func (n *Node) read(c *conn) (*Request, error) {
	raw := make([]byte, 0, 4096)
	chunk := make([]byte, n.options.MaxRequest)
	for {
		count, err := c.Read(chunk)
		raw = append(raw, chunk[:count]...)
		if len(raw) >= n.options.MaxRequest {
			return nil, errTooLarge
		}
		request, parseErr := parse(raw)
		if request != nil || parseErr != nil {
			return request, parseErr
		}
		if err != nil {
			return nil, err
		}
	}
}

// parse returns nil without an error while bytes are missing.
func parse(raw []byte) (*Request, error) {
	head, body, whole := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !whole {
		return nil, nil
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw[:len(head)+4])))
	if err != nil {
		return nil, errMalformed
	}
	if length, err := strconv.Atoi(r.Header.Get("Content-Length")); err == nil {
		if length > len(body) {
			return nil, nil
		}
		body = body[:max(length, 0)]
	}
	return &Request{Request: r, Content: body, Raw: raw}, nil
}

// early is what came behind an upgrade request in the same read.
func (r *Request) early() []byte {
	_, behind, _ := bytes.Cut(r.Raw, []byte("\r\n\r\n"))
	return behind
}
