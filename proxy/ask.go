package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpguts"

	"fermata/balancer"
	"fermata/internal/nodetls"
)

// answer is a node's answer to an upgrade, with its connection, which whoever
// holds the answer must close.
type answer struct {
	*http.Response
	conn    net.Conn
	rest    *bufio.Reader
	bounded io.LimitedReader // under rest
	refusal []byte           // the body of an answer other than 101
	greeted bool             // by the node, as a client of an app
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
	a := &answer{conn: conn, bounded: io.LimitedReader{R: conn, N: maxAnswerHead}}
	a.rest = bufio.NewReaderSize(&a.bounded, answerBuffer)
	var err error
	a.Response, err = readAnswer(a.rest, u.r)
	switch {
	case err == nil:
	case a.bounded.N == 0:
		return nil, fmt.Errorf("answered with more than %d bytes of head", maxAnswerHead)
	case a.bounded.N == maxAnswerHead && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", errNoAnswer, bare(err))
	default:
		return nil, err
	}
	if err := checkAnswer(a.Response, u.r); err != nil {
		return nil, err
	}
	if a.StatusCode == http.StatusSwitchingProtocols && u.options.greets(u.r.URL.Path) {
		return a, a.checkGreeting()
	}
	return a, nil
}

// readAnswer reads the head of a node's answer. A 101 as Reverb sends it, in one piece,
// costs a fifth of what http.ReadResponse takes for it.
func readAnswer(in *bufio.Reader, r *http.Request) (*http.Response, error) {
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	come, _ := in.Peek(in.Buffered())
	head, rest := cutHead(come)
	if a := read101(string(head)); a != nil {
		in.Discard(len(come) - len(rest))
		return a, nil
	}
	return http.ReadResponse(in, r)
}

const status101 = "HTTP/1.1 101 Switching Protocols\r\n"

// read101 is the answer that a head is; nil: it is no 101, or there is something unusual
// in it.
func read101(head string) *http.Response {
	text, is101 := strings.CutPrefix(head, status101)
	if !is101 {
		return nil
	}
	h := readFields(text)
	if h == nil || !isUsual(h) {
		return nil
	}
	return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: h, Body: http.NoBody}
}

// checkAnswer errors on an answer that no client can use, since another node
// may have a better one.
func checkAnswer(a *http.Response, r *http.Request) error {
	accept := a.Header.Get("Sec-Websocket-Accept")
	switch {
	case a.StatusCode == http.StatusSwitchingProtocols && accept != acceptKey(r.Header.Get("Sec-Websocket-Key")):
		return fmt.Errorf("answered 101 with a wrong Sec-WebSocket-Accept: %q", cut(accept))
	case a.StatusCode == http.StatusSwitchingProtocols:
		return nil
	case a.StatusCode < 200, a.StatusCode >= 500:
		return fmt.Errorf("answered %d", a.StatusCode)
	}
	return nil
}

func isA[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}

// result names the outcome of an upgrade for the metric.
func result(a *answer, err error) string {
	switch {
	case err == nil && a.StatusCode == http.StatusSwitchingProtocols:
		return "ok"
	case err == nil:
		return "refused"
	case errors.Is(err, context.Canceled), errors.Is(err, errStopping):
		return "client_gone"
	case isA[*nodetls.Error](err) && !errors.Is(err, os.ErrDeadlineExceeded):
		return "tls"
	case isA[*dialError](err):
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
	b := make([]byte, 0, 1<<10) // most fit
	b = append(b, "GET "...)
	b = append(b, requestTarget(r)...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.Host...)
	b = append(b, "\r\n"+switching...)
	b = appendFields(b, r.Header, c.passes)
	added := c.added(r)
	for _, f := range c.fitUpgrade(added[:], len(b)+len("\r\n")) {
		b = f.appendTo(b)
	}
	return append(b, "\r\n"...)
}

// switching are the fields by which two peers agree on a WebSocket.
const switching = "Connection: Upgrade\r\nUpgrade: websocket\r\n"

// appendHead appends the 101 as the client gets it: the node's, without what concerns
// the node's connection, and with the pin's cookie, unless that is empty.
func (a *answer) appendHead(b []byte, cookie string) []byte {
	b = append(b, status101+switching...)
	b = appendFields(b, a.Header, httpguts.ValidHeaderFieldName) // http.ReadResponse takes names with spaces
	b = field{"Set-Cookie", cookie}.appendTo(b)
	return append(b, "\r\n"...)
}

// early is what the node sent right after its 101.
func (a *answer) early() []byte {
	early := make([]byte, a.rest.Buffered())
	a.rest.Read(early)
	return early
}
