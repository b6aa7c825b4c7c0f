package health

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/pusher"
)

// ear is a connection to a node that is subscribed to the channel of the check.
type ear struct {
	at     earPlace
	socket *websocket.Conn
	proven bool // it has taken part in a round; Delivery.Run's
	ended  chan struct{}
}

// earPlace is what an ear was opened with; another one needs a new ear.
type earPlace struct {
	address, key, origin, prefix string
	secure                       *tls.Config
}

// place is where the ear of a node belongs.
func (p Plan) place(s Site) earPlace {
	return earPlace{s.Address, p.App.Key, p.Origin, p.PathPrefix, s.Secure}
}

// openEar connects and subscribes as a client does, until ctx ends; limit is how
// long that is, for the error. Being refused for the app's quota or the origin is
// not held against the node: it may let the ear subscribe all the same.
func openEar(ctx context.Context, s Site, p Plan, channel string) (*ear, error) {
	link, err := dial(ctx, s.Place, p.Timeout)
	if err != nil {
		return nil, err
	}
	link.in.Reset(link.Conn) // it may read for as long as it lives
	o := Options{Timeout: p.Timeout, PathPrefix: p.PathPrefix, Reverb: ReverbOptions{AppKey: p.App.Key, Origin: p.Origin}}
	socket, err := handshake(ctx, link, s.Place, o)
	if err != nil {
		link.Close()
		return nil, err
	}
	err = (&talk{socket: socket, limit: p.Timeout}).subscribe(ctx, channel)
	if err == nil && !link.release() {
		err = faulty{fmt.Errorf("no %s in %v", pusher.EventSubscribed, p.Timeout), FaultNoAnswer}
	}
	if err != nil {
		socket.CloseNow()
		link.Close()
		return nil, err
	}
	return &ear{at: p.place(s), socket: socket, ended: make(chan struct{})}, nil
}

// subscribe waits for the greeting, or the error in its place, and subscribes.
func (t *talk) subscribe(ctx context.Context, channel string) error {
	if err := t.await(ctx, pusher.EventEstablished, pusher.EventEstablished, pusher.EventError); err != nil {
		return err
	}
	if err := write(ctx, t.socket, pusher.EventSubscribe, map[string]string{"channel": channel}); err != nil {
		return t.missing(ctx, pusher.EventSubscribed, err)
	}
	return t.await(ctx, pusher.EventSubscribed, pusher.EventSubscribed)
}

// write sends a message to the node.
func write(ctx context.Context, socket *websocket.Conn, event string, data any) error {
	text, err := json.Marshal(map[string]any{"event": event, "data": data})
	if err != nil {
		return err
	}
	return socket.Write(ctx, websocket.MessageText, text)
}

// listen tells heard of each event until the connection ends. It answers the
// pings that keep the connection.
func (e *ear) listen(heard func(e *ear, event string)) {
	defer close(e.ended)
	defer e.socket.CloseNow()
	for {
		_, text, err := e.socket.Read(context.Background())
		if err != nil {
			return
		}
		switch message, _ := pusher.Parse(text); message.Event {
		case pusher.EventPing:
			if e.pong() != nil {
				return
			}
		default:
			heard(e, message.Event)
		}
	}
}

// pong is bounded: a node that is frozen takes nothing.
func (e *ear) pong() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return write(ctx, e.socket, pusher.EventPong, struct{}{})
}

// alive is whether the connection has not ended.
func (e *ear) alive() bool {
	select {
	case <-e.ended:
		return false
	default:
		return true
	}
}

// ears are the open ones by node. Run's, except for the goroutines that listen.
type ears struct {
	open      map[string]*ear
	listening sync.WaitGroup
}

// keep closes the ears that the plan does not need any more, or not like that.
func (e *ears) keep(p Plan) {
	needed := make(map[string]earPlace, len(p.Sites))
	for _, s := range p.Sites {
		needed[s.Name] = p.place(s)
	}
	for node, one := range e.open {
		if one.at != needed[node] || !one.alive() {
			one.socket.CloseNow()
			delete(e.open, node)
		}
	}
}

// add has the ear listen.
func (e *ears) add(node string, one *ear, heard func(*ear, string)) {
	e.open[node] = one
	e.listening.Go(func() { one.listen(heard) })
}

// close ends them all, and waits for them.
func (e *ears) close() {
	e.keep(Plan{})
	e.listening.Wait()
}
