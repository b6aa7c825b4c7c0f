// Package proxy is what happens to a client, in that order: admit, pick, dial,
// handshake, answer, relay, close.
package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/connlimit"
	"fermata/internal/metrics"
	"fermata/internal/recent"
	"fermata/internal/tracing"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// Options are what a reload of the configuration can change.
type Options struct {
	Timeouts       Timeouts
	Limits         Limits // MaxClients must be set
	MaxTogether    int    // caps the clients here and beside; 0: nothing does
	MaxConnections int    // from accept to close, those of clients with them
	Keepalive      Keepalive
	TrustedProxies []Network
	// Deny are networks whose clients are refused, and Allow, unless it is empty,
	// those whose clients alone are not. Trusted proxies are neither.
	Deny, Allow []Network
	// AllowedOrigins are the pages whose upgrades are taken; empty: all are. An
	// upgrade without Origin, which no browser sends, is taken in any case.
	AllowedOrigins []OriginHost
	// Address is how much of a client's address counts for Limits.ClientsPerIP and
	// UpgradesPerIP.
	Address      balancer.IPOptions
	Headers      Headers
	NoUsableNode string
	// PathPrefix is the path before all of a node's paths, such as /ws; empty:
	// none. It stays in what a node gets.
	PathPrefix string
	// AwaitGreeting lets a client of PathPrefix/app/KEY in once its node has
	// said something, as Reverb does; otherwise with the node's 101.
	AwaitGreeting bool
	// Apps are those whose secrets are known; no two have the same ID or Key.
	Apps    []session.App
	Session SessionOptions

	via string // the Handler's
}

// Deps are the parts that a Handler works with.
type Deps struct {
	Pool    *balancer.Pool
	Moves   *moves.Moves // gets to know the clients that are relayed
	Engine  relay.Engine
	Metrics *metrics.Metrics
	Log     *zap.Logger
	// DialFailed is told, from any goroutine, of each dial to a node that
	// failed; it must not block. Nil: nobody wants to know.
	DialFailed func(node string, err error)
	// Unanswered is told in the same way of each request to a node that had no
	// answer in all the time that a node may take.
	Unanswered func(node string)
	// Waiting is told in the same way of each request that has waited for long,
	// and might still have got its answer.
	Waiting func(node string)
	// Announce is told in the same way that the other members of the cluster have
	// to know something else of a client, which Handler.Moved then says. Heard is
	// closed when they can know it, or cannot be told. Nil: there are none.
	Announce func(app, told string) (heard <-chan struct{})
	// Mention is told in the same way what they can know a little later. Nil: there
	// are none.
	Mention func(app, told string)
	// Tracer makes spans of requests and of moves; nil: there are none.
	Tracer *tracing.Tracer
}

// Handler serves clients: upgrades are relayed to the node that the pool
// picks, plain requests go to the nodes in turn. Make one with New, give its
// ConnState to the http.Server, let connections come in by Newcomers, and end it with
// Stop.
type Handler struct {
	pool    *balancer.Pool
	moves   *moves.Moves
	engine  relay.Engine
	metrics *metrics.Metrics
	log     *zap.Logger
	// Each may be nil: see Deps.
	dialFailed          func(node string, err error)
	unanswered, waiting func(node string)
	announced           func(app, told string) (heard <-chan struct{})
	mentioned           func(app, told string)
	tracer              *tracing.Tracer

	options  atomic.Pointer[Options]
	plain    *httputil.ReverseProxy
	toNodes  *nodes // of plain requests, our own with them
	govern   governor
	waits    waits
	losses   losses
	bodies   bodies
	aliases  aliases
	learned  learned
	events   publications
	queue    queue
	away     occasional // clients turned away
	surplus  occasional // plain requests turned away
	silent   occasional // nodes that say nothing after a 101
	loops    occasional // requests that have come back
	crowd    crowd
	refused  recent.Lines[refusal]
	via      string // in what nodes get
	tallies  tallies
	subs     subscriptionCounts
	markers  markers
	restored restorations
	unmoved  occasional   // sessions whose move has failed
	noBus    atomic.Int64 // until when nodes are taken to share no bus, in nanoseconds of Unix time
	open     *connlimit.Limit
	clients  atomic.Int64 // connections that are clients, or are becoming it
	admitted atomic.Int64 // clients that ever were
	beside   atomic.Int64 // clients of other processes, see Beside
	over     atomic.Int64 // connections that ever ended without being one
	asked    atomic.Int64 // plain requests that wait for a node, or for its answer
	retired  atomic.Bool  // connections bring no second request
	// hijacked are clients that are taken from the http.Server, from before
	// that until they are gone.
	hijacked sync.WaitGroup

	// What a stop ends, one after the other: the search for nodes, what has not
	// ended by its deadline, and the wait for the answers to plain requests.
	stopping, left, patience context.Context
	stop, cut, giveUp        context.CancelFunc
}

// New returns a Handler. It starts nothing.
func New(o Options, deps Deps) *Handler {
	h := &Handler{
		pool: deps.Pool, moves: deps.Moves, engine: deps.Engine, metrics: deps.Metrics, log: deps.Log,
		dialFailed: deps.DialFailed, unanswered: deps.Unanswered, waiting: deps.Waiting, announced: deps.Announce, mentioned: deps.Mention, tracer: deps.Tracer,
		via: newVia(),
	}
	h.stopping, h.stop = context.WithCancel(context.Background())
	h.left, h.cut = context.WithCancel(context.Background())
	h.patience, h.giveUp = context.WithCancel(context.Background())
	h.open = connlimit.New(func() int { return h.options.Load().MaxConnections }, false, nil)
	h.toNodes = &nodes{h, newTransport(h)}
	h.plain = newPlain(h)
	h.SetOptions(o)
	return h
}

// SetOptions replaces the options for all requests to come. It may be called
// concurrently.
func (h *Handler) SetOptions(o Options) {
	o.via = h.via
	h.options.Store(&o)
}

// ConnState counts connections; it is for http.Server.ConnState. Beyond
// Options.MaxConnections one that says nothing is closed, else the newest, since
// the file descriptors are running out.
func (h *Handler) ConnState(c net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		h.over.Add(1)
	}
	h.open.ConnState(c, state)
}

// Returned tells that a node has come back: it gets its clients slowly at
// first.
func (h *Handler) Returned(n *balancer.Node) { h.govern.returned(n, time.Now()) }

// Share gives this Fermata a part, from 0 to 1, of the upgrades that a node gets by
// Limits.UpgradesPerSecond, where others have the rest, and returns how many upgrades
// have wanted the node so far. Before it is called the part is 1.
func (h *Handler) Share(n *balancer.Node, part float64) (asked int) { return h.govern.share(n, part) }

// Forget drops what is known of a node that is gone for good.
func (h *Handler) Forget(n *balancer.Node) {
	h.govern.forget(n)
	h.GiveUp(n)
	h.losses.forget(n)
	h.tallies.forget(n.Name())
}

// Tallies is what is counted by node of what passes.
func (h *Handler) Tallies() []metrics.Tally { return h.tallies.all() }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := h.options.Load()
	if status, wrong := checkRequest(r); status != 0 {
		refuse(w, status, wrong)
		return
	}
	h.retireConnection(w)
	c, s := clientOf(r, o)
	defer h.surviveRequest(c)
	w, r, span := h.traced(w, r, c)
	defer span.End()
	if isLoop(r, o) {
		h.refuseLoop(w, r, c)
		return
	}
	if c.trusted && o.denies(c.ip) {
		h.refuseStranger(w, c, denied)
		return
	}
	if wantsUpgrade(r) {
		h.serveUpgrade(w, r, c, s)
		return
	}
	h.servePlain(w, r, c)
}

// Clients is how many clients there are, those that wait for a node with them,
// and how many there may be.
func (h *Handler) Clients() (now, most int64) {
	return h.clients.Load(), int64(h.options.Load().Limits.MaxClients)
}

// perBody is the memory of bodies, in bytes, that counts as what a client leaves.
const perBody = 64 << 10

// Spent counts all that has left memory behind which is worth giving back: what
// took clients to be admitted, connections that ended without a client, and the
// bodies of plain requests.
func (h *Handler) Spent() int64 {
	return h.admitted.Load() + h.over.Load() + h.bodies.freedBytes()/perBody
}
