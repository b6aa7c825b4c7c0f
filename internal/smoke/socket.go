package smoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"fermata/internal/pusher"
)

// upgrade is the case of that name; the connection stays for the next ones.
func (s *site) upgrade(ctx context.Context) (string, error) {
	conn, resp, err := s.dial(ctx, nil, nil)
	if err != nil {
		return "", err
	}
	s.conn = conn
	return resp.Status, nil
}

// dial opens a WebSocket. The jar, when there is one, plays the browser's.
func (s *site) dial(ctx context.Context, jar http.CookieJar, header http.Header) (*websocket.Conn, *http.Response, error) {
	client := *s.http
	client.Jar = jar
	if header == nil {
		header = http.Header{}
	}
	if s.Origin != "" {
		header.Set("Origin", s.Origin)
	}
	conn, resp, err := websocket.Dial(ctx, s.socketURL(), &websocket.DialOptions{HTTPClient: &client, HTTPHeader: header})
	if err == nil {
		return conn, resp, nil
	}
	const want = "101 Switching Protocols"
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, nil, &broken{resp.Status, want}
	}
	return nil, nil, instead(ctx, err, want)
}

// socketURL is where pusher-js connects to.
func (s *site) socketURL() string {
	u := s.url.JoinPath("app", s.Key)
	u.RawQuery = "protocol=7&client=js&version=8.4.0&flash=false"
	return u.String()
}

// established is the case connection_established.
func (s *site) established(ctx context.Context) (string, error) {
	id, err := greeting(ctx, s.conn)
	var failed *broken
	if errors.As(err, &failed) && strings.Contains(failed.got, strconv.Itoa(pusher.CodeForbidden)) {
		failed.want += ", with an --origin that the app allows"
	}
	return "socket_id " + id, err
}

// greeting waits for the node's welcome and returns the socket's id.
func greeting(ctx context.Context, conn *websocket.Conn) (string, error) {
	m, err := await(ctx, conn, pusher.EventEstablished, "")
	if err != nil {
		return "", err
	}
	var data struct {
		SocketID string `json:"socket_id"`
	}
	if err := m.Into(&data); err != nil || data.SocketID == "" {
		return "", &broken{string(m.Data), pusher.EventEstablished + " with a socket_id"}
	}
	return data.SocketID, nil
}

// ping is the case of that name.
func (s *site) ping(ctx context.Context) (string, error) {
	if err := send(ctx, s.conn, pusher.Message{Event: pusher.EventPing, Data: json.RawMessage("{}")}); err != nil {
		return "", instead(ctx, err, pusher.EventPong)
	}
	_, err := await(ctx, s.conn, pusher.EventPong, "")
	return pusher.EventPong, err
}

// close is the case clean close, on a connection of its own.
func (s *site) close(ctx context.Context) (string, error) {
	conn, _, err := s.dial(ctx, nil, nil)
	if err != nil {
		return "", err
	}
	defer conn.CloseNow()
	if _, err := greeting(ctx, conn); err != nil {
		return "", err
	}
	return "Close 1000 answered", closeCleanly(ctx, conn)
}

// closeCleanly sends a Close frame, and errors unless the same code is the
// answer, within the five seconds that Close gives it.
func closeCleanly(ctx context.Context, conn *websocket.Conn) error {
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		return instead(ctx, err, "Close 1000 in answer to Close 1000")
	}
	return nil
}

// send writes one message.
func send(ctx context.Context, conn *websocket.Conn, m pusher.Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, text)
}

// await reads until the event comes on the channel, and passes over all others
// except pusher:error.
func await(ctx context.Context, conn *websocket.Conn, event, channel string) (pusher.Message, error) {
	for {
		m, err := receive(ctx, conn)
		if err != nil {
			return m, instead(ctx, err, event)
		}
		if m.Event == pusher.EventError {
			return m, &broken{pusher.EventError + " " + string(m.Data), event}
		}
		if m.Event == event && m.Channel == channel {
			return m, nil
		}
	}
}

func receive(ctx context.Context, conn *websocket.Conn) (pusher.Message, error) {
	_, text, err := conn.Read(ctx)
	if err != nil {
		return pusher.Message{}, err
	}
	return pusher.Parse(text)
}

func closeText(c websocket.CloseError) string {
	text := "Close " + strconv.Itoa(int(c.Code))
	if c.Reason != "" {
		text += fmt.Sprintf(" (%s)", c.Reason)
	}
	return text
}
