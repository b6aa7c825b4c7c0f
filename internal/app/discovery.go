package app

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"fermata/internal/config"
	"fermata/internal/discover"
	"fermata/internal/metrics"
	"fermata/internal/names"
)

// discovery looks for the nodes of those entries that say where nodes are found.
// Its methods may be called concurrently.
type discovery struct {
	log      *zap.Logger
	report   func(discover.Report)
	resolver *net.Resolver

	wg       sync.WaitGroup
	mu       sync.Mutex
	running  map[string]*finding   // by the entry's name
	recalled map[string]foundNodes // the same; before the first add
}

// finding is the search of one entry.
type finding struct {
	*discover.Finder
	source   discover.Source
	stop     context.CancelFunc
	failures atomic.Int64

	failing string // the failure that was logged; empty: none
	full    bool   // that was logged; both of Run alone
}

func newDiscovery(log *zap.Logger, report func(discover.Report)) *discovery {
	return &discovery{log: log, report: report, resolver: net.DefaultResolver, running: make(map[string]*finding)}
}

// add looks for the nodes of these entries, too, until ctx ends. One whose place
// stays goes on undisturbed; one with another place begins with what is known, so
// that no node goes before the first answer.
func (d *discovery) add(ctx context.Context, entries []config.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		old := d.running[e.Name]
		switch {
		case !e.Finds():
		case old == nil:
			d.running[e.Name] = d.start(ctx, e, d.before(e))
		case old.source != e.Source:
			old.stop()
			d.running[e.Name] = d.start(ctx, e, old.Known())
		}
	}
}

func (d *discovery) start(ctx context.Context, e config.Node, known discover.Table) *finding {
	ctx, stop := context.WithCancel(ctx)
	f := &finding{source: e.Source, stop: stop}
	log := d.log.With(zap.String("entry", e.Name), zap.Stringer("source", e.Source))
	f.Finder = discover.New(known, d.look(e.Name, e.Source), e.Every, func(r discover.Report) {
		f.note(log, r)
		d.report(r)
	})
	d.wg.Go(func() { f.Run(ctx) })
	return f
}

// look is how the nodes of an entry are looked for.
func (d *discovery) look(entry string, s discover.Source) discover.Look {
	if s.Kind != discover.File {
		return discover.InDNS(d.resolver, entry, s)
	}
	read := func() ([]byte, error) { return config.ReadNodes(s.File) }
	return discover.InFile(read, func(text []byte) ([]discover.Node, error) { return config.ParseNodes(s.File, entry, text) })
}

// looked returns once every entry has nodes, or has looked for them, or when
// that takes too long.
func (d *discovery) looked(ctx context.Context) {
	d.mu.Lock()
	all := slices.Collect(maps.Values(d.running))
	d.mu.Unlock()
	late, cancel := context.WithTimeout(ctx, firstLookUp)
	defer cancel()
	for _, f := range all {
		if len(f.Nodes()) > 0 {
			continue
		}
		select {
		case <-f.Looked():
		case <-late.Done():
		}
	}
}

// keep ends the search of all other entries.
func (d *discovery) keep(entries []config.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.running {
		if !slices.ContainsFunc(entries, func(e config.Node) bool { return e.Finds() && e.Name == name }) {
			f.stop()
			delete(d.running, name)
		}
	}
}

// nodes are those that an entry has found.
func (d *discovery) nodes(entry string) []discover.Node {
	d.mu.Lock()
	f := d.running[entry]
	d.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Nodes()
}

// counts is what the metrics show.
func (d *discovery) counts() (all []metrics.Discovered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.running {
		all = append(all, metrics.Discovered{Entry: name, Nodes: len(f.Nodes()), Failures: int(f.failures.Load())})
	}
	return all
}

// wait returns when every search has ended.
func (d *discovery) wait() { d.wg.Wait() }

// note logs what has begun, or ended, with a look. Mistakes in a file are logged
// whenever they are others, and other failures when the first comes.
func (f *finding) note(log *zap.Logger, r discover.Report) {
	log = log.With(zap.Int("nodes", r.Nodes))
	if r.Err != nil {
		f.failures.Add(1)
		f.noteFailure(log, names.Reason(r.Err))
		return
	}
	if f.failing != "" {
		log.Info("nodes are found again")
	}
	if r.Refused > 0 && !f.full {
		log.Warn("too many nodes found, the others are refused", zap.Int("refused", r.Refused))
	}
	f.failing, f.full = "", r.Refused > 0
}

func (f *finding) noteFailure(log *zap.Logger, reason string) {
	if f.failing == "" || f.source.Kind == discover.File && f.failing != reason {
		log.Warn("nodes not found, those that are known stay", zap.String("err", reason))
	}
	f.failing = reason
}
