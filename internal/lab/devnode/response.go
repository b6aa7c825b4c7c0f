package devnode

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// response writes answers in Reverb's way: HTTP/1.0 with a length when all is
// well, HTTP/1.1 without one for an error. It is a http.Hijacker.
type response struct {
	conn   *conn
	early  []byte // goes ahead of what is read after Hijack
	header http.Header
	status int // 0: not decided
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

// WriteHeader sends a 101 at once; the others wait for the body.
func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if status == http.StatusSwitchingProtocols {
		w.send("HTTP/1.1")
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Hijack hands the connection to the WebSocket library. The buffers are small,
// since tests hold thousands of clients.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	from := io.MultiReader(bytes.NewReader(w.early), w.conn)
	reader := bufio.NewReaderSize(from, max(512, len(w.early)))
	if len(w.early) > 0 {
		reader.Peek(len(w.early))
	}
	return w.conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(w.conn, 1024)), nil
}

// flush sends an answer that is no 101.
func (w *response) flush() {
	w.WriteHeader(http.StatusOK)
	if w.status >= http.StatusBadRequest {
		w.header.Del("Content-Length")
		w.send("HTTP/1.1")
		return
	}
	w.header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	w.send("HTTP/1.0")
}

func (w *response) send(proto string) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %03d %s\r\n", proto, w.status, http.StatusText(w.status))
	w.header.Write(&out)
	out.WriteString("\r\n")
	out.Write(w.body.Bytes())
	w.conn.Write(out.Bytes())
}
