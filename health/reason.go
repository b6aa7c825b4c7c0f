package health

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"

	"fermata/internal/names"
	"fermata/internal/nodetls"
)

// plain makes one short line of text, in which nothing can move a cursor: a
// node may have sent it.
func plain(text string) string {
	const most = 160
	line := []rune(strings.Map(printable, text))
	if len(line) > most {
		return string(line[:most]) + "…"
	}
	return string(line)
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// errNobodyListens is a node's host that is there, with nobody listening.
var errNobodyListens = errors.New("dial refused")

// dialError puts a failed dial into few words. The limit is the time that it
// had; 0 if that is not known.
func dialError(err error, limit time.Duration) error {
	failure, ok := errors.AsType[net.Error](err)
	timedOut := ok && failure.Timeout()
	switch {
	case errors.Is(err, names.ErrNoAddress):
		return faulty{err, FaultNoAddress}
	case errors.Is(err, syscall.ECONNREFUSED):
		return errNobodyListens
	case isTLS(err) && timedOut && limit > 0:
		return faulty{fmt.Errorf("no TLS handshake in %v (does it speak plain HTTP?)", limit), FaultNoAnswer}
	case isTLS(err):
		return faulty{err, FaultTLS}
	case timedOut && limit > 0:
		return faulty{fmt.Errorf("dial timed out after %v", limit), FaultUnreachable}
	case timedOut:
		return faulty{errors.New("dial timed out"), FaultUnreachable}
	}
	return faulty{fmt.Errorf("dial: %w", root(err)), FaultUnreachable}
}

func isTLS(err error) bool {
	_, is := errors.AsType[*nodetls.Error](err)
	return is
}

// root is the error at the bottom of the chain, without what everybody on the
// way up has added.
func root(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// hungUp says that the node ended the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// short is d with as many digits as people want to read.
func short(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
