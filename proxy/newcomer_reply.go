package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"fermata/proxy/relay"
)

// reply is the http.ResponseWriter of a newcomer. A client that gets no WebSocket
// gets an answer and the end of its connection.
type reply struct {
	*newcomer
	ctx    context.Context
	header http.Header // nil: nobody has asked for it
	status int         // 0: none so far
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *reply) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *reply) WriteHeader(status int) { w.status = cmp.Or(w.status, status) }

// Write implements http.ResponseWriter.
func (w *reply) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Hijack implements http.Hijacker.
func (w *reply) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.fate == takenOver {
		return nil, nil, http.ErrHijacked
	}
	w.fate = takenOver
	w.h.ConnState(w.conn, http.StateHijacked)
	relay.Leave(w.ctx)
	conn := begun(w.conn, w.rest)
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, 1), bufio.NewWriterSize(conn, 1)), nil
}

// send sends the answer, unless somebody has taken the connection.
func (w *reply) send() {
	if w.fate == takenOver {
		return
	}
	if w.Header().Get("Date") == "" {
		w.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	answer := http.Response{
		StatusCode: cmp.Or(w.status, http.StatusOK), ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body), Close: true,
	}
	var b bytes.Buffer
	answer.Write(&b)
	limits := w.h.options.Load().Timeouts
	w.conn.SetWriteDeadline(time.Now().Add(limits.Request + limits.Response))
	w.conn.Write(b.Bytes())
}
