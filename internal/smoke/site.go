package smoke

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/certs"
)

// site is one URL while it is tested.
type site struct {
	*Options
	name string // the URL as it was given
	url  *url.URL
	http *http.Client
	conn *websocket.Conn // what the case upgrade has opened
}

// step is one case, and the case without which it makes no sense.
type step struct {
	name  string
	needs string
	do    func(context.Context) (detail string, err error)
}

func (s *site) steps() []step {
	return []step{
		{"resolve+connect", "", s.connect},
		{"tls", "resolve+connect", s.tls},
		{"http", "tls", s.up},
		{"upgrade", "tls", s.upgrade},
		{"connection_established", "upgrade", s.established},
		{"ping", "connection_established", s.ping},
		{"pin", "connection_established", s.pin},
		{"event", "connection_established", s.event},
		{"clean close", "connection_established", s.close},
	}
}

// run goes through the steps; one whose need has failed is skipped.
func (s *site) run(ctx context.Context) URLReport {
	transport := s.transport()
	defer transport.CloseIdleConnections()
	s.http = &http.Client{Transport: transport, CheckRedirect: noRedirect}
	defer s.hangUp()

	report := URLReport{URL: s.name}
	cause := map[string]string{} // case → the failed case that it came down with
	for _, step := range s.steps() {
		c := Case{Name: step.name, Result: Skipped}
		if root, ok := cause[step.needs]; ok {
			c.Detail = "because " + root + " failed"
			cause[step.name] = root
		} else {
			c = s.try(ctx, step)
		}
		if c.Result == Fail {
			cause[step.name] = step.name
		}
		report.Cases = append(report.Cases, c)
	}
	return report
}

// transport speaks HTTP/1.1 only, as an upgrade must, and goes through no
// proxy: it is this stack that is tested.
func (s *site) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: s.tlsConfig(), DisableKeepAlives: true}
}

func (s *site) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.url.Hostname(), RootCAs: s.Roots, InsecureSkipVerify: s.Insecure}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (s *site) hangUp() {
	if s.conn != nil {
		s.conn.CloseNow()
	}
}

// try runs one step within its time and says how it went.
func (s *site) try(ctx context.Context, step step) Case {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errors.New("no answer in "+s.Timeout.String()))
	defer cancel()
	start := time.Now()
	detail, err := step.do(ctx)
	c := Case{Name: step.name, Result: Pass, Took: time.Since(start), Detail: detail}

	var skipped skip
	var failed *broken
	switch {
	case errors.As(err, &skipped):
		c.Result, c.Detail = Skipped, string(skipped)
	case errors.As(err, &failed):
		c.Result, c.Got, c.Want = Fail, failed.got, failed.want
	case err != nil:
		c.Result, c.Got, c.Want = Fail, err.Error(), "no error"
	}
	return c
}

// skip is why a case does not apply.
type skip string

func (s skip) Error() string { return string(s) }

// broken is a promise that was not held.
type broken struct{ got, want string }

func (b *broken) Error() string { return "got " + b.got + ", want " + b.want }

// instead is the failure of a case that got err where it wanted something.
// The text of a url.Error is left out: it repeats the key and the signature.
func instead(ctx context.Context, err error, want string) error {
	var already *broken
	if errors.As(err, &already) {
		return err
	}
	if ctx.Err() != nil {
		return &broken{context.Cause(ctx).Error(), want}
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return &broken{plain(err), want}
}

// plain says in few words what came instead of a message or a connection.
func plain(err error) string {
	var closed websocket.CloseError
	var network *net.OpError
	if reason, text := certs.Refused(err); reason != certs.Other {
		return "tls: " + text
	}
	switch {
	case errors.As(err, &closed):
		return closeText(closed)
	case errors.As(err, &network):
		return network.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection's end"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return err.Error()
}
