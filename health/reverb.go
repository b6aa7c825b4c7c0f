package health

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/pusher"
)

// reverbProbe connects as a client does, waits to be greeted, and sends a ping.
// The pong decides: a node that greets with an error and still answers works,
// it has only refused this one client, for being over the app's quota (4004)
// or from the wrong origin (4009). An unknown app key always fails the check.
func reverbProbe(at Place, o Options) probe {
	return func(ctx context.Context) (finding, error) {
		start := time.Now()
		link, err := dial(ctx, at, o.Timeout)
		if err != nil {
			return finding{}, err
		}
		defer link.Close()
		socket, err := handshake(ctx, link, at, o)
		if err != nil {
			return finding{}, err
		}
		defer socket.CloseNow()
		talk := &talk{socket: socket, limit: o.Timeout}
		if err := talk.ping(ctx); err != nil {
			return finding{}, err
		}
		took := time.Since(start)
		socket.Close(websocket.StatusNormalClosure, "") // a node that does not answer it keeps us until ctx ends
		return finding{talk.outcome(took), talk.loop}, nil
	}
}

// handshake makes a WebSocket of the link. The caller closes both.
func handshake(ctx context.Context, l *link, at Place, o Options) (*websocket.Conn, error) {
	header := http.Header{"User-Agent": {"fermata"}}
	if o.Reverb.Origin != "" {
		header.Set("Origin", o.Reverb.Origin)
	}
	target := "ws://" + at.Address + o.PathPrefix + "/app/" + url.PathEscape(o.Reverb.AppKey) + "?protocol=7&client=fermata&version=1.0"
	socket, _, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: upgrade{l, at, o}},
		HTTPHeader: header,
	})
	if err != nil {
		return nil, answerError("handshake", err, o.Timeout)
	}
	return socket, nil
}

// upgrade is a transport for one request, over one link, which is the body of
// the 101. Every other answer is an error at once, because Reverb does not end
// the connection after refusing a handshake.
type upgrade struct {
	link    *link
	at      Place
	options Options
}

// RoundTrip implements http.RoundTripper.
func (u upgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.link.ask(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("status %d%s", answer.StatusCode, statusHint(answer.StatusCode, u.at, u.options))
	}
	answer.Body = u.link
	return answer, nil
}

// talk is what a check and a node say to each other after the 101.
type talk struct {
	socket    *websocket.Conn
	limit     time.Duration
	complaint *pusher.Error // the node's last pusher:error, or nil

	loop time.Duration // from the ping to the pong
}

// ping waits for the greeting, or the error in its place, then for a pong.
func (t *talk) ping(ctx context.Context) error {
	if err := t.await(ctx, pusher.EventEstablished, pusher.EventEstablished, pusher.EventError); err != nil {
		return err
	}
	ping := []byte(`{"event":"` + pusher.EventPing + `","data":{}}`)
	sent := time.Now()
	if err := t.socket.Write(ctx, websocket.MessageText, ping); err != nil {
		return t.missing(ctx, "pong", err)
	}
	err := t.await(ctx, "pong", pusher.EventPong)
	t.loop = time.Since(sent)
	return err
}

// await reads until one of the events comes; what is their name for people.
func (t *talk) await(ctx context.Context, what string, events ...string) error {
	for {
		_, text, err := t.socket.Read(ctx)
		if err != nil {
			return t.missing(ctx, what, err)
		}
		message, _ := pusher.Parse(text) // what is none is passed over
		if complaint := message.Error(); complaint != nil {
			t.complaint = complaint
		}
		if t.complaint != nil && t.complaint.Code == pusher.CodeUnknownApp {
			return t.complaint
		}
		if slices.Contains(events, message.Event) {
			return nil
		}
	}
}

// missing says why what did not come. The node's own words go first.
func (t *talk) missing(ctx context.Context, what string, err error) error {
	switch code := websocket.CloseStatus(err); {
	case t.complaint != nil:
		return t.complaint
	case code != -1:
		return fmt.Errorf("connection closed with %d before the %s", code, what)
	case ctx.Err() != nil:
		return faulty{fmt.Errorf("no %s in %v", what, t.limit), FaultNoAnswer}
	case hungUp(err):
		return fmt.Errorf("connection closed before the %s", what)
	}
	return fmt.Errorf("no %s: %w", what, root(err))
}

// outcome says what the node did.
func (t *talk) outcome(took time.Duration) string {
	if t.complaint != nil {
		return fmt.Sprintf("pong in %v, after %v", short(took), t.complaint)
	}
	return fmt.Sprintf("pong in %v", short(took))
}
