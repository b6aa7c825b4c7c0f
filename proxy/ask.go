package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"fermata/balancer"
	"fermata/internal/nodetls"
)

// answer is a node's answer to an upgrade, with its connection, which whoever
// holds the answer must close.
type answer struct {
	*http.Response
	conn    net.Conn
	rest    *bufio.Reader
	bounded *io.LimitedReader // under rest
	refusal []byte            // the body of an answer other than 101
	greeted bool              // by the node, as a client of an app
}

const (
	maxAnswerHead = 64 << 10 // of a node's answer, with the body of a refusal
	answerBuffer  = 512      // has room for each line of a 101, and for a greeting
)

// ask sends the upgrade to a node and reads the head of its answer, which is
// there with errSilent, too.
func (u *upgrade) ask(ctx context.Context, n *balancer.Node) (a *answer, err error) {
	conn, err := u.h.dial(ctx, u.by, n, u.options.Timeouts)
	if err != nil {
		return nil, err
	}
	u.node = conn
	defer func() {
		if a == nil {
			conn.Close()
		}
	}()
	a, err = u.exchange(ctx, conn)
	switch {
	case errors.Is(err, errSilent):
		return a, fmt.Errorf("handshake with node %s: %w", n.Name(), err)
	case err != nil:
		return nil, fmt.Errorf("handshake with node %s: %w", n.Name(), bare(err))
	}
	return a, nil
}

// exchange asks on a connection, which is of no further use with an error but errSilent:
// with that there is an answer. If ctx ends before the answer is there, the error is
// its cause.
func (u *upgrade) exchange(ctx context.Context, conn net.Conn) (*answer, error) {
	conn.SetDeadline(earlier(u.by, time.Now().Add(u.options.Timeouts.Answer)))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	a, err := u.converse(conn)
	switch {
	case !stop():
		return nil, context.Cause(ctx)
	case a == nil && errors.Is(err, os.ErrDeadlineExceeded) && u.isLate():
		return nil, context.DeadlineExceeded // the node had not all its time
	}
	conn.SetDeadline(time.Time{})
	return a, err
}

func (u *upgrade) converse(conn net.Conn) (*answer, error) {
	if _, err := conn.Write(u.head); err != nil {
		return nil, err
	}
	bounded := &io.LimitedReader{R: conn, N: maxAnswerHead}
	rest := bufio.NewReaderSize(bounded, answerBuffer)
	response, err := http.ReadResponse(rest, u.r)
	switch {
	case err == nil:
	case bounded.N == 0:
		return nil, fmt.Errorf("answered with more than %d bytes of head", maxAnswerHead)
	case bounded.N == maxAnswerHead && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", errNoAnswer, bare(err))
	default:
		return nil, err
	}
	a := &answer{Response: response, conn: conn, rest: rest, bounded: bounded}
	if err := checkAnswer(response, u.r); err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusSwitchingProtocols && u.options.greets(u.r.URL.Path) {
		return a, a.checkGreeting()
	}
	return a, nil
}

// checkAnswer errors on an answer that no client can use, since another node
// may have a better one.
func checkAnswer(a *http.Response, r *http.Request) error {
	accept := a.Header.Get("Sec-WebSocket-Accept")
	switch {
	case a.StatusCode == http.StatusSwitchingProtocols && accept != acceptKey(r.Header.Get("Sec-WebSocket-Key")):
		return fmt.Errorf("answered 101 with a wrong Sec-WebSocket-Accept: %q", cut(accept))
	case a.StatusCode == http.StatusSwitchingProtocols:
		return nil
	case a.StatusCode < 200, a.StatusCode >= 500:
		return fmt.Errorf("answered %d", a.StatusCode)
	}
	return nil
}

// result names the outcome of an upgrade for the metric.
func result(a *answer, err error) string {
	var dial *dialError
	var insecure *nodetls.Error
	switch {
	case err == nil && a.StatusCode == http.StatusSwitchingProtocols:
		return "ok"
	case err == nil:
		return "refused"
	case errors.Is(err, context.Canceled), errors.Is(err, errStopping):
		return "client_gone"
	case errors.As(err, &insecure) && !errors.Is(err, os.ErrDeadlineExceeded):
		return "tls"
	case errors.As(err, &dial):
		return "dial"
	case errors.Is(err, errBusy):
		return "busy"
	case errors.Is(err, errOverQuota):
		return "over_quota"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNodeDown):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "closed"
	}
	return "error"
}

// upgradeHead is the request as the node gets it. It is written by hand, so
// that the path and the query stay as they are.
func upgradeHead(r *http.Request, c *client) []byte {
	header := make(http.Header, len(r.Header)+8) // with room for what is added
	maps.Copy(header, r.Header)                  // its values stay as they are
	stripHopByHop(header)
	c.setForwarded(header, r)
	header.Set("Connection", "Upgrade")
	header.Set("Upgrade", "websocket")
	spell(header)
	head := writeHead(r, header)
	if size := len(head); c.fitUpgrade(header, size) < size {
		head = writeHead(r, header)
	}
	return head
}

func writeHead(r *http.Request, header http.Header) []byte {
	b := make([]byte, 0, 1<<10) // most fit
	b = append(b, "GET "+requestTarget(r)+" HTTP/1.1\r\nHost: "+r.Host+"\r\n"...)
	b = appendFields(b, header)
	return append(b, "\r\n"...)
}

// appendFields appends the fields of a request. As the http.Server has checked
// them, they need neither the care nor the order that http.Header.Write takes
// time for.
func appendFields(b []byte, fields http.Header) []byte {
	for name, values := range fields {
		for _, value := range values {
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, value...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// head is the 101 as the client gets it: the node's, without what concerns
// the node's connection, and with the pin's cookie if there is one to set.
func (a *answer) head(cookie *http.Cookie) []byte {
	stripHopByHop(a.Header)
	a.Header.Set("Connection", "Upgrade")
	a.Header.Set("Upgrade", "websocket")
	if cookie != nil {
		a.Header.Add("Set-Cookie", cookie.String())
	}
	spell(a.Header)
	b := bytes.NewBuffer(make([]byte, 0, 512)) // most fit, with the greeting after them
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	a.Header.Write(b)
	b.WriteString("\r\n")
	return b.Bytes()
}

// early is what the node sent right after its 101.
func (a *answer) early() []byte {
	early := make([]byte, a.rest.Buffered())
	a.rest.Read(early)
	return early
}
