// Package app puts Fermata together: it knows every other package, and none
// knows it. It owns the listeners, the certificates, the checks, the current
// configuration, and the order in which all of that starts and stops.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/admin"
	"fermata/internal/certs"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/handover"
	"fermata/internal/metrics"
	"fermata/internal/nodetls"
	"fermata/internal/systemd"
	"fermata/internal/tracing"
	"fermata/proxy"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// Loader loads the configuration, at the start and at each reload.
type Loader func() (*config.Config, error)

// App is one Fermata: New, Listen, Run. Reload and the methods of
// admin.Control may be called while it runs, concurrently.
type App struct {
	// Version is what the other members of a cluster see; set before Run, or not.
	Version string
	// Manager is told how this Fermata is; nil: nobody is. Set before Run.
	Manager *systemd.Manager
	// Program is how a successor is started; set before Run, or not.
	Program Program
	// TakeOver has Listen take the place of the process that serves at
	// Predecessor, or at the socket of the configuration if that is empty. Set before
	// Listen.
	TakeOver    bool
	Predecessor string
	// Sockets are those that were opened for it; nil: none. Set before Listen, which
	// takes them all.
	Sockets *systemd.Sockets

	load      Loader
	log       *zap.Logger
	level     zap.AtomicLevel
	metrics   *metrics.Metrics
	registry  *prometheus.Registry
	pool      *balancer.Pool
	engine    relay.Engine
	moves     *moves.Moves
	handler   *proxy.Handler
	newcomers *proxy.Newcomers
	admin     *admin.Server
	checks    *checks
	discovery *discovery
	delivery  delivery
	state     *stateDir
	council   council
	alone     *cluster.Alone // the council; nil: there is a cluster
	ids       *cluster.IDs   // nil: there is no cluster
	tracer    *tracing.Tracer
	drains    *drainSpans

	joined  atomic.Pointer[joined] // the nodes; changes with mu held
	clients nodetls.Clients        // theirs; guarded by mu

	clusterName   string              // empty: there is no cluster
	refused       func(reason string) // something in its Redis
	shortages     shortages
	lookups       *seldom // of names that are not found
	strangers     *seldom // clients without a certificate
	wrongTokens   *seldom // on the admin endpoint
	untold        *seldom // what the service manager did not take
	listeners     []listener
	watches       sync.WaitGroup // of the certificates' files
	acme          *issuing
	adminListener net.Listener   // nil: there is no admin endpoint
	operators     *handover.Gate // below that
	together      *metrics.Together
	succession    succession
	inheritedDown inheritedDown
	stopping      atomic.Bool
	reloadFailed  atomic.Bool // the last one
	fileLimit     uint64

	adminCertificate *certs.Store // nil: the admin endpoint is without TLS

	occasion occasion    // for a rebalance that nobody asks for
	unasked  atomic.Bool // whether such a one is under way

	reloading sync.Mutex // makes reloads happen one at a time; comes before mu

	mu      sync.Mutex // makes all changes happen one at a time
	applied applied
	config  *config.Config // changes with reloading held, too
	missing missing
	running context.Context // of Run, ends when the stop begins; nil before
	hasPart chan struct{}   // closed with the first part of every node's max_connections, in a cluster
}

// New loads the configuration and builds a Fermata that logs to out. It opens
// nothing and starts nothing.
func New(load Loader, out *console.Queue) (*App, error) {
	c, err := load()
	if err != nil {
		return nil, err
	}
	files, err := raiseFileLimit()
	if err != nil {
		return nil, err
	}
	a := &App{load: load, config: c, state: newStateDir(c.StateDir), fileLimit: files, shortages: newShortages(), lookups: newSeldom(), strangers: newSeldom(), wrongTokens: newSeldom(), untold: newSeldom(), hasPart: make(chan struct{})}
	a.log, a.level = newLog(c.Log, out)
	if c.Cluster != nil {
		a.clusterName = c.Cluster.Name
	}
	a.registry = prometheus.NewRegistry()
	a.together = metrics.NewTogether(a.registry, a.expositions)
	process := prometheus.NewRegistry() // apart, as counting the open files takes long and the history does without
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = metrics.New(a.registry)
	a.discovery = newDiscovery(a.log, a.lookedForNodes)
	nodes := join(c.Nodes, a.discovery.nodes)
	nodes.secure(&a.clients)
	a.joined.Store(&nodes)
	a.pool = balancer.New(nodes.nodes, c.Sticky)
	a.pool.SetPanic(c.Health.PanicThreshold, patience(c.Health))
	a.checks = newChecks(a.checked, a.found)
	a.delivery.Delivery = health.NewDelivery(a.deliveryPlan, a.delivered)
	a.engine = relay.New(cores())
	a.moves = moves.New(a.pool, moveOptions(c))
	if a.tracer, err = a.newTracer(c); err != nil {
		return nil, err
	}
	a.drains = newDrainSpans(a.tracer)
	a.handler = proxy.New(a.proxyOptions(c), proxy.Deps{
		Pool: a.pool, Moves: a.moves, Engine: a.engine, Metrics: a.metrics, Log: a.log.Named("proxy"), DialFailed: a.checks.dialFailed,
		Unanswered: a.checks.unanswered, Waiting: a.checks.waiting, Announce: a.announcer(c.Cluster), Mention: a.mentioner(c.Cluster), Tracer: a.tracer,
	})
	a.newcomers = proxy.NewNewcomers(a.handler)
	metrics.Observe(a.registry, a.pool.Nodes, a.engine.Totals)
	metrics.ObserveTallies(a.registry, a.handler.Tallies)
	metrics.ObserveSubscriptions(a.registry, a.handler.Subscriptions)
	metrics.ObserveWhole(a.registry, metrics.Whole{
		Usable: func() int { return len(a.pool.UsableBeside(nil)) }, Panicking: a.pool.Panicking, Clients: a.handler.Clients,
		LinesDropped: out.Dropped,
	})
	metrics.ObserveDelivery(a.registry, a.delivery.up)
	metrics.ObserveDiscovery(a.registry, a.discovery.counts)
	if a.clusterName != "" {
		a.refused = metrics.ObserveCluster(a.registry, a.clusterMetrics(), cluster.Refusals)
	}
	var store *cluster.RedisStore
	if a.council, store, err = a.newCouncil(c.Cluster); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if a.acme, err = a.newIssuing(c, store); err != nil {
		return nil, err
	}
	a.admin = admin.New(c.Admin, a, promhttp.HandlerFor(prometheus.Gatherers{a.together, process}, promhttp.HandlerOpts{}))
	a.admin.WrongToken = a.wrongToken
	return a, nil
}

func (a *App) proxyOptions(c *config.Config) proxy.Options {
	limits, files := c.Limits, a.share(c)
	limits.MaxClients = min(files.clients, cmp.Or(limits.MaxClients, files.clients))
	return proxy.Options{
		Timeouts: c.Timeouts, Limits: limits, MaxTogether: c.Limits.MaxClients, MaxConnections: files.connectionsFor(limits.MaxClients), Keepalive: c.Keepalive,
		TrustedProxies: c.TrustedProxies, Deny: c.Deny, Allow: c.Allow, AllowedOrigins: c.AllowedOrigins, Address: c.Sticky.IP, Headers: c.Headers, NoUsableNode: c.NoUsableNode,
		PathPrefix: c.PathPrefix, AwaitGreeting: c.AwaitGreeting, Apps: c.Apps, Session: c.Session,
	}
}

// warn logs what is doubtful in a configuration that is served.
func (a *App) warn(c *config.Config) {
	for _, w := range c.Warnings {
		a.log.Warn("doubtful configuration", zap.Stringer("reason", w))
	}
	a.noteLimit(c)
}

// Run serves until asked ends, and then moves all clients away and stops.
// Listen must have been called. The error says what kept it from serving; nil
// after a stop that was asked for.
func (a *App) Run(asked context.Context) error {
	ctx, cancel := context.WithCancelCause(asked)
	defer cancel(nil)
	defer a.state.close()
	defer a.closeSuccession()
	a.succession.gone = cancel
	before, decided := a.inherited(a.recall())
	a.council.Recall(decided)
	clients, operators := a.clientServer(), a.adminServer()
	var servers sync.WaitGroup
	serve := func(s *http.Server, l net.Listener) {
		servers.Go(func() {
			if err := s.Serve(a.steady(l)); !errors.Is(err, http.ErrServerClosed) && !a.succession.isFollowing() {
				cancel(fmt.Errorf("serve on %s: %w", l.Addr(), err))
			}
		})
	}
	recording, stopRecording := context.WithCancel(context.Background()) // through the stop too
	servers.Go(func() { a.admin.Record(recording, a.together, admin.SampleEvery) })
	a.inheritDown()
	a.begin(ctx, before)
	servers.Go(func() { a.council.Run(recording) })
	if a.ids != nil {
		servers.Go(func() { a.ids.Run(recording) })
	}
	a.heard(ctx)
	if err := a.takePlace(ctx); err != nil {
		cancel(fmt.Errorf("take over: %w", err))
	}
	for _, l := range a.listeners {
		serve(clients, l)
	}
	if a.adminListener != nil {
		serve(operators, a.adminListener)
	}
	a.checks.wg.Go(func() { a.tellManager(ctx) })
	a.succession.links.Go(func() { a.awaitSuccessors(ctx) })
	a.leadFirst(ctx)
	<-ctx.Done()
	a.succession.links.Wait()
	a.stop(clients, context.Cause(ctx))
	a.drains.endAll()
	a.tracer.Stop(lastSpans)
	a.closeOperators(operators)
	stopRecording()
	servers.Wait()
	switch cause := context.Cause(ctx); {
	case asked.Err() != nil, errors.Is(cause, errReplaced), errors.Is(cause, errStopTogether):
		return nil
	default:
		return cause
	}
}

// closeOperators lets the answer to an upgrade go out.
func (a *App) closeOperators(operators *http.Server) {
	if a.isReplaced() {
		flush, cancel := context.WithTimeout(context.Background(), flushWithin)
		defer cancel()
		_ = operators.Shutdown(flush)
	}
	operators.Close()
}

// begin starts what runs beside the servers, before they let anybody in: a
// node that was draining must get no client.
func (a *App) begin(ctx context.Context, before remembered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = ctx
	a.metrics.Reloaded(true, time.Now())
	a.discovery.recalled = before.found
	a.discovery.add(ctx, a.config.Nodes)
	a.discovery.looked(ctx)
	nodes := a.putNodes()
	a.rememberFound()
	a.restore(before)
	a.applied.serving = !inCluster(a.council.View())
	a.checks.set(ctx, nodes, a.config.Health)
	a.checks.looked(ctx)
	a.watchCertificates(ctx)
	a.watchAdmin(ctx)
	a.watches.Go(func() { a.watchNodeTLS(ctx) })
	a.checks.wg.Go(func() { a.delivery.Run(ctx) })
	a.checks.wg.Go(func() { a.tidyMemory(ctx) })
	a.checks.wg.Go(func() { a.rebalanceUnasked(ctx) })
	started := a.config.Health
	a.checks.wg.Go(func() { a.adviseChecks(ctx, started) })
	a.checks.wg.Go(func() { a.moves.MoveOld(ctx) })
	a.checks.wg.Go(func() { a.forgetMissing(ctx) })
	a.getCertificates(ctx, a.acme.plan)
	a.warn(a.config)
	a.log.Info("serving", zap.Int("nodes", len(nodes)), zap.Int("max_clients", a.proxyOptions(a.config).Limits.MaxClients))
}

// tell logs a change of state and tells the followers of /v1/events. The log
// line's message is the kind, "node down" for node_down.
func (a *App) tell(kind, node, reason string, fields ...zap.Field) {
	fields = append(fields, zap.String("reason", reason))
	if node != "" {
		fields = append(fields, zap.String("node", node))
	}
	level := zap.InfoLevel
	if kind == "node_down" || kind == "panic" || kind == "no_delivery" {
		level = zap.WarnLevel
	}
	a.log.Log(level, strings.ReplaceAll(kind, "_", " "), fields...)
	now := time.Now()
	a.admin.Publish(admin.Event{Time: now, Type: kind, Node: node, Message: reason})
	a.happened(kind, now)
}
