package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"time"
)

// refusalTime is how long a node may take for the body of a refusal. Reverb
// ends neither the body nor the connection of some.
const refusalTime = time.Second

// readRefusal reads the body of a node's refusal, which another node may not
// repeat; it does nothing for a 101. It errors on a body that is not whole, since
// a client would take it for that.
func (a *answer) readRefusal(ctx context.Context) (err error) {
	if a.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	a.conn.SetDeadline(time.Now().Add(refusalTime))
	defer context.AfterFunc(ctx, func() { a.conn.SetDeadline(time.Unix(1, 0)) })()
	a.refusal, err = io.ReadAll(a.Body)
	switch {
	case a.bounded.N == 0:
		return fmt.Errorf("answered %d with more than %d bytes", a.StatusCode, maxAnswerHead)
	case a.isOpenEnded() && errors.Is(err, os.ErrDeadlineExceeded):
		return nil // what has come in time is all there is
	case err != nil:
		return fmt.Errorf("answered %d with half a body: %w", a.StatusCode, bare(err))
	}
	return nil
}

// isOpenEnded is whether only the end of the connection ends the body.
func (a *answer) isOpenEnded() bool { return a.ContentLength < 0 && len(a.TransferEncoding) == 0 }

// passOn answers the client with a node's refusal, and closes the node's
// connection, which Reverb leaves open after some of them.
func (a *answer) passOn(w http.ResponseWriter) {
	a.conn.Close()
	stripHopByHop(a.Header)
	spell(a.Header)
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.refusal)))
	w.Header().Set("Connection", "close")
	w.WriteHeader(a.StatusCode)
	w.Write(a.refusal)
}
