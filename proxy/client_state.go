package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unique"

	"fermata/balancer"
	"fermata/proxy/session"
)

// clientState is a client as another process gets it, in JSON. Fields are only ever
// added: one that is unknown is ignored, and one that is missing has its zero value.
// What came from strangers, and need not be text, is []byte.
type clientState struct {
	IP      netip.Addr    `json:"ip"`
	Trusted bool          `json:"trusted,omitempty"`
	Secure  bool          `json:"secure,omitempty"`
	Host    []byte        `json:"host"`
	Path    []byte        `json:"path"`
	Given   string        `json:"request_given,omitempty"` // the request's id
	Own     uint64        `json:"request_own,omitempty"`
	Age     time.Duration `json:"age"` // in nanoseconds

	Node      string       `json:"node"`
	URL       balancer.URL `json:"url"`
	Pick      string       `json:"pick"`
	Preferred string       `json:"preferred"`
	Pinned    bool         `json:"pinned,omitempty"`
	Tries     uint16       `json:"tries"`
	App       string       `json:"app,omitempty"` // the key; empty: it is not counted

	Session *sessionState   `json:"session,omitempty"`
	Relay   json.RawMessage `json:"relay"`
}

// sessionState is what a client with a session has besides.
type sessionState struct {
	session.State
	Target []byte        `json:"target"`
	Origin []byte        `json:"origin,omitempty"`
	Moved  int32         `json:"moved,omitempty"`
	Hasty  int8          `json:"hasty,omitempty"`
	At     time.Duration `json:"at"` // in nanoseconds
}

func (c *client) pack(relay []byte) ([]byte, error) { return json.Marshal(c.state(relay)) }

func (c *client) state(relay []byte) *clientState {
	s := &clientState{
		IP: c.ip, Trusted: c.trusted, Secure: c.secure, Host: []byte(c.host.Value()), Path: []byte(c.path.Value()),
		Given: c.request.given, Own: c.request.own, Age: time.Since(c.live.Since),
		Node: c.pick.Node.Name(), URL: c.handler.pool.Status(c.pick.Node).URL, Pick: string(c.pick.Reason),
		Preferred: c.pick.Preferred.Name(), Pinned: c.pick.Pinned, Tries: c.tries, Relay: relay,
	}
	if c.app != nil {
		s.App = c.app.key
	}
	return s
}

func (s *sessionClient) pack(relay []byte) ([]byte, error) {
	st := s.state(relay)
	st.Session = &sessionState{
		State: s.session.State(), Target: []byte(s.target.Value()), Origin: []byte(s.origin.Value()),
		Moved: s.moved, Hasty: s.hasty, At: s.at,
	}
	return json.Marshal(st)
}

// longestAge is longer than any client has been connected.
const longestAge = 100 * 365 * 24 * time.Hour

// Why a client cannot be received.
var (
	errAge     = errors.New("got a client that has been connected for less than nothing, or for a century")
	errWords   = errors.New("got a request with bytes that no request can have")
	errNoRelay = errors.New("got a client without a relay")
	errRequest = errors.New("got an id of a request that cannot be one")
)

// unpack reads a clientState, and refuses what no client can be.
func unpack(b []byte) (*clientState, error) {
	s := new(clientState)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, err
	}
	switch {
	case s.Age < 0 || s.Age > longestAge:
		return nil, errAge
	case len(s.Relay) == 0 || string(s.Relay) == "null":
		return nil, errNoRelay
	case s.Given != "" && !isID(s.Given):
		return nil, errRequest
	case !isPlain(s.Host, "") || len(s.Host) > mostCut || len(s.Path) > mostCut:
		return nil, errWords
	}
	return s, s.Session.check(s.Age)
}

func (s *sessionState) check(age time.Duration) error {
	switch {
	case s == nil:
		return nil
	case len(s.Target) > mostKept || len(s.Origin) > mostKept || !isPlain(s.Target, "") || !isPlain(s.Origin, " \t"):
		return errWords
	case s.At < 0 || s.At > age || s.Moved < 0 || s.Hasty < 0:
		return errAge
	}
	if _, err := url.ParseRequestURI(string(s.Target)); err != nil {
		return fmt.Errorf("%w: %w", errWords, err)
	}
	return nil
}

// isPlain is whether bytes can stand in a request's head: none of them is white space
// or of control, but for some.
func isPlain(b []byte, but string) bool {
	return !slices.ContainsFunc(b, func(c byte) bool {
		return (c <= ' ' || c == 0x7f) && strings.IndexByte(but, c) < 0
	})
}

// fill makes c the client, which has no node so far.
func (s *clientState) fill(c *client, o *Options) {
	c.ip, c.trusted, c.secure, c.tries = s.IP, s.Trusted, s.Secure, s.Tries
	c.host, c.path = unique.Make(string(s.Host)), unique.Make(string(s.Path))
	c.request = requestID{s.Given, s.Own}
	c.options = o
	c.live.Since = time.Now().Add(-s.Age)
}
