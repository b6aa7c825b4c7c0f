package realclient

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Line is what a client reports, one at a time.
type Line struct {
	Client  int             `json:"client"`
	Type    string          `json:"type"`
	State   string          `json:"state"`
	Code    int             `json:"code"`
	Reason  string          `json:"reason"`
	Clean   bool            `json:"clean"`
	GaveUp  bool            `json:"gaveUp"`
	Socket  string          `json:"socket"`
	Node    string          `json:"node"`
	Cookie  string          `json:"cookie"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Members []string        `json:"members"`
	Data    json.RawMessage `json:"data"`

	Views     map[string][]string `json:"views"`
	Sequences []Sequence          `json:"sequences"`
}

// ReadLines passes each line of some clients to take, until there are no more.
func ReadLines(r io.Reader, clients int, take func(Line)) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20) // a presence channel's members come in one line
	for scanner.Scan() {
		l, err := parseLine(scanner.Bytes(), clients)
		if err != nil {
			return err
		}
		take(l)
	}
	return scanner.Err()
}

func parseLine(text []byte, clients int) (l Line, err error) {
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("a line of the clients: %w: %s", err, text)
	}
	if l.Client < 0 || l.Client >= clients {
		return l, fmt.Errorf("got a line of client %d, want less than %d", l.Client, clients)
	}
	return l, nil
}

// take adds a line to what its client has seen, and wakes who waits.
func (c *Clients) take(l Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients[l.Client].take(l)
	close(c.changed)
	c.changed = make(chan struct{})
}

// end says that no more lines come.
func (c *Clients) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = err
	close(c.changed)
	c.changed = make(chan struct{})
}

// take never changes what an earlier copy of the client can see.
func (c *Client) take(l Line) {
	switch l.Type {
	case "state":
		c.State = l.State
	case "established":
		c.Node, c.Socket = l.Node, l.Socket
		c.Nodes = append(slices.Clip(c.Nodes), l.Node)
	case "closed":
		c.Closes = append(slices.Clip(c.Closes), Close{l.Code, l.Reason, l.Clean, l.GaveUp})
		c.Subscribed = nil
	case "cookie":
		c.Cookie = l.Cookie
	case "error":
		c.Errors = append(slices.Clip(c.Errors), string(l.Data))
	case "subscribed":
		c.Subscribed = append(slices.Clip(c.Subscribed), l.Channel)
	case "event":
		c.Events = append(slices.Clip(c.Events), Event{Channel: l.Channel, Name: l.Event, Data: l.Data})
	case "stray":
		c.Strays = append(slices.Clip(c.Strays), Event{Channel: l.Channel, Name: l.Event, Data: l.Data})
	case "report":
		c.reports++
		c.report = Report{l.Socket, l.Views, l.Sequences}
	case "here", "joining", "leaving":
		c.Events = append(slices.Clip(c.Events), Event{Channel: l.Channel, Name: l.Type, Members: l.Members})
	}
}
