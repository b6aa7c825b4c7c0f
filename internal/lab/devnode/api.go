package devnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

var (
	errUnreadable = errors.New("no JSON")
	errInvalid    = errors.New("invalid event")
	errMissing    = errors.New("no such channel on this node")
	errSender     = errors.New("a batch names a client of this node")
	errNoPresence = errors.New("only a presence channel has users")
)

// signed lets only requests through that the app's secret has signed, and
// answers with what the handler returns.
func (n *Node) signed(h func(*http.Request, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o := n.options
		query := r.URL.Query()
		if r.PathValue("id") != o.AppID {
			http.Error(w, "No matching application for ID ["+r.PathValue("id")+"].", http.StatusNotFound)
			return
		}
		path := strings.TrimPrefix(r.URL.EscapedPath(), o.Prefix)
		want := signature(r.Method, path, query, body, o.AppSecret)
		if !sameText(query.Get("auth_signature"), want) {
			http.Error(w, "Authentication signature invalid.", http.StatusUnauthorized)
			return
		}
		respond(w, h, r, body)
	}
}

func respond(w http.ResponseWriter, h func(*http.Request, []byte) (any, error), r *http.Request, body []byte) {
	answer, err := h(r, body)
	switch {
	case errors.Is(err, errInvalid):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case errors.Is(err, errMissing):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, errNoPresence):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, errUnreadable), errors.Is(err, errSender):
		http.Error(w, "Internal server error.", http.StatusInternalServerError)
	default:
		writeJSON(w, answer)
	}
}

func writeJSON(w http.ResponseWriter, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// event is what a server publishes: to one channel, or to several.
type event struct {
	Name     string   `json:"name"`
	Data     *string  `json:"data"`
	Channel  string   `json:"channel"`
	Channels []string `json:"channels"`
	SocketID string   `json:"socket_id"`
}

func (e event) check() error {
	switch {
	case e.Name == "":
		return fmt.Errorf("%w: the name field is required", errInvalid)
	case e.Data == nil:
		return fmt.Errorf("%w: the data field must be a string", errInvalid)
	case e.Channel == "" && len(e.Channels) == 0:
		return fmt.Errorf("%w: the channels field is required", errInvalid)
	}
	return nil
}

// decode is a 500 for what is no JSON, and a 422 for JSON that is none of the
// kind.
func decode(body []byte, into any) error {
	if !json.Valid(body) {
		return errUnreadable
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", errInvalid, err)
	}
	return nil
}

func (n *Node) postEvent(_ *http.Request, body []byte) (any, error) {
	var e event
	if err := decode(body, &e); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	n.dispatch(e)
	n.settle()
	return struct{}{}, nil
}

func (n *Node) postBatch(_ *http.Request, body []byte) (any, error) {
	var batch struct{ Batch []event }
	if err := decode(body, &batch); err != nil {
		return nil, err
	}
	for _, e := range batch.Batch {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	for _, e := range batch.Batch {
		if !n.faults.Load().CarrySender && n.hub.has(e.SocketID) {
			return nil, errSender // those before it are published
		}
		n.dispatch(e)
	}
	n.settle()
	return map[string]struct{}{"batch": {}}, nil
}

func (n *Node) dispatch(e event) {
	n.record.note(func(s *Stats) { s.Published++ })
	channels := e.Channels
	if len(channels) == 0 {
		channels = []string{e.Channel}
	}
	if !n.faults.Load().CarrySender && !n.hub.has(e.SocketID) {
		e.SocketID = ""
	}
	m := &message{Event: e.Name, Data: quote(*e.Data)}
	n.publish(busMessage{Kind: busEvent, Channels: channels, Message: m, Except: e.SocketID})
}

// settle waits until the bus has what was published.
func (n *Node) settle() {
	if n.link != nil {
		n.link.settle()
	}
}

func (n *Node) postTerminate(r *http.Request, _ []byte) (any, error) {
	n.publish(busMessage{Kind: busTerminate, User: userID(r.PathValue("user"))})
	return struct{}{}, nil
}

func (n *Node) getConnections(*http.Request, []byte) (any, error) {
	return map[string]int{"connections": n.gather().Connections}, nil
}

func (n *Node) getChannels(r *http.Request, _ []byte) (any, error) {
	prefix, info := r.URL.Query().Get("filter_by_prefix"), r.URL.Query().Get("info")
	channels := make(map[string]any)
	for name, count := range n.gather().Channels {
		if strings.HasPrefix(name, prefix) {
			channels[name] = count.info(name, info)
		}
	}
	return map[string]any{"channels": channels}, nil
}

func (n *Node) getChannel(r *http.Request, _ []byte) (any, error) {
	name := r.PathValue("channel")
	count := n.gather().Channels[name]
	info := count.info(name, r.URL.Query().Get("info"))
	info["occupied"] = count.Subscriptions > 0
	return info, nil
}

func (c channelCensus) info(name, wanted string) map[string]any {
	info := make(map[string]any)
	if strings.Contains(wanted, "user_count") && isPresence(name) {
		info["user_count"] = c.UserCount
	}
	if strings.Contains(wanted, "subscription_count") && !isPresence(name) {
		info["subscription_count"] = c.Subscriptions
	}
	return info
}

func (n *Node) getUsers(r *http.Request, _ []byte) (any, error) {
	name := r.PathValue("channel")
	switch _, there := n.hub.census().Channels[name]; {
	case !there: // whatever the other nodes have
		return nil, errMissing
	case !isPresence(name):
		return nil, errNoPresence
	}
	users := []map[string]userID{}
	for id := range n.gather().Channels[name].Users {
		users = append(users, map[string]userID{"id": id})
	}
	return map[string]any{"users": users}, nil
}
