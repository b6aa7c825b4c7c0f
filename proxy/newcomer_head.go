package proxy

import (
	"bufio"
	"bytes"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// headBuffer is what a newcomer's head is read into and read from.
type headBuffer struct {
	bytes  [4 << 10]byte // browsers' heads are of a quarter of that
	source bytes.Reader
	reader *bufio.Reader
}

func newHeadBuffer() *headBuffer { return &headBuffer{reader: bufio.NewReaderSize(nil, 1<<10)} }

var endOfHead = []byte("\r\n\r\n")

// upgrade is the request that the first n bytes are, if they are one for a WebSocket
// that an http.Server would take, too, and the rest of them. Nil: they are not, or not
// that alone, and the rest is all of them.
func (b *headBuffer) upgrade(n int) (r *http.Request, rest []byte) {
	all := b.bytes[:n]
	end := bytes.Index(all, endOfHead) + len(endOfHead)
	if end < len(endOfHead) || !bytes.HasPrefix(all, []byte("GET /")) || hasBareLF(all[:end]) {
		return nil, all
	}
	b.source.Reset(all[:end])
	b.reader.Reset(&b.source)
	r, err := http.ReadRequest(b.reader)
	if err != nil || !isUsual(r) {
		return nil, all
	}
	return r, all[end:]
}

// hasBareLF is whether a line ends without CR: there the head could end sooner for others.
func hasBareLF(head []byte) bool {
	return bytes.Count(head, []byte("\n")) != bytes.Count(head, []byte("\r\n"))
}

// isUsual is whether it is an upgrade in which nothing is unusual, and that passes what
// an http.Server looks at after http.ReadRequest.
func isUsual(r *http.Request) bool {
	return r.Proto == "HTTP/1.1" && r.Method == http.MethodGet && wantsUpgrade(r) &&
		r.Body == http.NoBody && len(r.TransferEncoding) == 0 && !hasAny(r.Header, "Content-Length", "Trailer", "Expect") &&
		r.Host != "" && httpguts.ValidHostHeader(r.Host) && hasValidFields(r.Header)
}

func hasAny(h http.Header, names ...string) bool {
	for _, name := range names {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

func hasValidFields(h http.Header) bool {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return false
			}
		}
	}
	return true
}
