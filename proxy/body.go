package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// body is the body of a plain request, in memory.
type body struct {
	memory   *bodies
	began    time.Time
	turnAway context.CancelCauseFunc
	closed   chan struct{} // once its memory is given back
	pieces   net.Buffers
	size     int64

	// Guarded by the mutex of bodies.
	held    int64 // never less than the pieces
	leaving bool  // it has to make room, or is closed
	kept    bool  // a node gets it
}

// A body is read in pieces, each twice as large as the one before: memory is
// taken for what has come, and not for what a client says that it will send.
const (
	firstPiece   = 512
	largestPiece = 32 << 10
)

// read reads a request's body before a node is asked: one that comes slowly must
// not take a connection of a node, which has few. When ctx ends, so does it.
func (b *body) read(ctx context.Context, w http.ResponseWriter, r *http.Request, l Limits) error {
	if r.ContentLength > l.MaxBodyBytes {
		return &http.MaxBytesError{Limit: l.MaxBodyBytes}
	}
	conn := http.NewResponseController(w)
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	from := http.MaxBytesReader(w, r.Body, l.MaxBodyBytes)
	for next := firstPiece; b.size != r.ContentLength; next = min(2*next, largestPiece) {
		err := b.readPiece(ctx, from, b.pieceSize(next, r.ContentLength), l.MaxBodiesBytes)
		switch {
		case err == io.EOF:
			return nil
		case err != nil && errors.Is(context.Cause(ctx), errBodies):
			return errBodies // that is why it could not be read on
		case err != nil:
			return err
		}
	}
	return nil
}

// pieceSize is that of the next piece, unless less is missing. A body in chunks
// does not say what is missing.
func (b *body) pieceSize(next int, length int64) int {
	if length < 0 {
		return next
	}
	return int(min(int64(next), length-b.size))
}

// readPiece fills a piece, or returns why it could not. At the end of the body
// that is io.EOF.
func (b *body) readPiece(ctx context.Context, from io.Reader, size int, most int64) error {
	piece, err := b.memory.take(ctx, b, size, most)
	if err != nil {
		return err
	}
	n := 0
	for n < size {
		m, err := from.Read(piece[n:])
		n += m
		if err != nil {
			b.add(piece[:n])
			return err
		}
	}
	b.add(piece)
	return nil
}

func (b *body) add(piece []byte) {
	b.pieces, b.size = append(b.pieces, piece), b.size+int64(len(piece))
}

// cost is what the body takes from others: bytes, for so long.
func (b *body) cost(now time.Time) float64 { return float64(b.held) * now.Sub(b.began).Seconds() }

func (b *body) close() { b.memory.close(b) }

// reader is the body for a node, for as many tries as there are before a node
// has got a byte of it.
func (b *body) reader() io.ReadCloser { return &bodyReader{body: b} }

type bodyReader struct {
	body *body
	rest net.Buffers // nil: nobody has read
}

// Read implements io.Reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	if r.rest == nil {
		if err := r.body.memory.keep(r.body); err != nil {
			return 0, err
		}
		r.rest = append(net.Buffers{}, r.body.pieces...)
	}
	return r.rest.Read(p)
}

// Close implements io.Closer.
func (r *bodyReader) Close() error { return nil }

// bodyFault is what a client is told whose body could not be read.
func bodyFault(err error) (status int, wrong string) {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, errStopping):
		return http.StatusServiceUnavailable, errStopping.Error()
	case errors.Is(err, errBodies):
		return http.StatusServiceUnavailable, "no room for this body now"
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("got a body of more than %d bytes, want at most that", large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, "the body did not come in time"
	}
	return http.StatusBadRequest, fmt.Sprintf("read the body: %v", bare(err))
}
