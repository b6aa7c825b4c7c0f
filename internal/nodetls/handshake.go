package nodetls

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"fermata/internal/certs"
)

// Error is a handshake that failed, or a node that ends one afterwards. It reads
// "tls: certificate is not valid for reverb-1, but for reverb-2".
type Error struct {
	text string
	err  error
}

func (e *Error) Error() string { return "tls: " + e.text }
func (e *Error) Unwrap() error { return e.err }

// Handshake bounds the connection's handshake by ctx. Its error is an *Error, or the
// cause of ctx's end when that was no deadline. The connection stays the caller's.
func Handshake(ctx context.Context, conn *tls.Conn) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		conn.SetDeadline(time.Unix(1, 0))
	})
	err := conn.Handshake()
	if !stop() {
		<-interrupted
		if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return context.Cause(ctx)
		}
		err = os.ErrDeadlineExceeded
	}
	if err != nil {
		return &Error{explain(err), err}
	}
	return nil
}

// Refused makes an *Error of a node that has refused a handshake after its end, as it
// does in TLS 1.3 when it misses a certificate, and leaves all other errors as they are.
func Refused(err error) error {
	if _, told := errors.AsType[*Error](err); told || alertOf(err) == nil {
		return err
	}
	return &Error{explain(err), err}
}

// explain is for people.
func explain(err error) string {
	if reason, text := certs.Refused(err); reason != certs.Other {
		return text + wants[reason]
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no handshake in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection closed in the handshake"
	}
	if alert := alertOf(err); alert != nil {
		return "refused by the node: " + bare(alert)
	}
	return bare(err)
}

// wants are what can be done about a node that is refused.
var wants = map[certs.Reason]string{
	certs.NotTrusted: ", want tls.ca, or without that the system, to name the signer",
	certs.NotTLS:     ", want http:// in its url if it speaks plain HTTP",
}

// alertOf is what the node has said why it ends the connection; nil: nothing.
func alertOf(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err
	}
	return nil
}

func bare(err error) string {
	text := err.Error()
	for _, prefix := range []string{"tls: ", "failed to verify certificate: ", "x509: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
