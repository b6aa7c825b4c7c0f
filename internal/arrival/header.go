package arrival

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// header is what is known from a header of the PROXY protocol.
type header struct {
	client netip.Addr // not valid: it is of the proxy itself, or says nothing
	secure said
}

// said is what somebody has said about a matter.
type said uint8

const (
	unsaid said = iota
	yes
	no
)

const (
	longestLine = 107 // of version 1
	headOf2     = 16  // of version 2, what has a fixed length
	// longestHeader is above what any proxy sends: addresses, and a client's
	// certificate.
	longestHeader = 4096
)

var (
	errNone    = errors.New("it must begin with a header of the PROXY protocol, and does not")
	errLong    = errors.New("its header of the PROXY protocol is too long")
	errPartial = errors.New("its header of the PROXY protocol has not come as a whole")
	errFamily  = errors.New("its header of the PROXY protocol is not of TCP")
)

// versionOf is the version of the PROXY protocol whose header begins so; 0: it
// is none.
func versionOf(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("PROXY ")):
		return 1
	case bytes.HasPrefix(b, proxyproto.SIGV2):
		return 2
	}
	return 0
}

// sizeOf is how long the header is that begins so; 0: that cannot be told so far.
func sizeOf(b []byte) (int, error) {
	switch versionOf(b) {
	case 1:
		return sizeOfLine(b)
	case 2:
		if len(b) < headOf2 {
			return 0, nil
		}
		size := headOf2 + int(binary.BigEndian.Uint16(b[headOf2-2:]))
		if size > longestHeader {
			return 0, errLong
		}
		return size, nil
	}
	if bytes.HasPrefix([]byte("PROXY "), b) || bytes.HasPrefix(proxyproto.SIGV2, b) {
		return 0, nil
	}
	return 0, errNone
}

func sizeOfLine(b []byte) (int, error) {
	if end := bytes.IndexByte(b[:min(len(b), longestLine)], '\n'); end >= 0 {
		return end + 1, nil
	}
	if len(b) >= longestLine {
		return 0, errLong
	}
	return 0, nil
}

// parse reads a whole header.
func parse(b []byte) (header, error) {
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), longestLine))
	if err != nil {
		return header{}, err
	}
	if h.Command.IsLocal() {
		return header{}, nil
	}
	secure, err := secureOf(h)
	if h.TransportProtocol.IsUnspec() || h.TransportProtocol.IsUnix() {
		return header{secure: secure}, err
	}
	from, _, ok := h.TCPAddrs()
	if !ok {
		return header{}, errFamily
	}
	return header{client: from.AddrPort().Addr().Unmap().WithZone(""), secure: secure}, err
}

// secureOf is whether the client has come to the proxy over TLS.
func secureOf(h *proxyproto.Header) (said, error) {
	fields, err := h.TLVs()
	for _, field := range fields {
		if !tlvparse.IsSSL(field) {
			continue
		}
		if field.Value[0]&tlvparse.PP2_BITFIELD_CLIENT_SSL != 0 {
			return yes, err
		}
		return no, err
	}
	return unsaid, err
}
