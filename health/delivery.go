package health

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"fermata/internal/secret"
	"fermata/internal/shortage"
)

// DeliveryOptions are for the check of what nodes deliver.
type DeliveryOptions struct {
	// Interval is from one round to the next; half of it after one in which
	// something did not arrive. 0: there is no such check.
	Interval time.Duration `yaml:"interval"`
	// Timeout is how long an event may take to each node.
	Timeout time.Duration `yaml:"timeout"`
}

// App is the app as which the check publishes. The zero value is none.
type App struct {
	ID, Key string
	Secret  secret.Text
}

// Site is a node as the check of the delivery meets it.
type Site struct {
	Name string
	Place
}

// Plan is what a round does.
type Plan struct {
	DeliveryOptions
	App                App
	Origin, PathPrefix string
	// Sites are the nodes that take part: those that work as far as anybody
	// knows, apart from what they deliver.
	Sites []Site
}

// off is whether there is no check.
func (p Plan) off() bool { return p.Interval == 0 || p.App == App{} }

// Delivered is what is known of what all nodes deliver.
type Delivered struct {
	// Nodes are those of which something is known.
	Nodes map[string]NodeDelivery
	// Lost is why nothing gets from the nodes to each other's clients, for
	// people; empty: it does.
	Lost string
	// Unchecked is why nodes could not take part: at once for want of something
	// of this machine's own, see package shortage, and otherwise when it has
	// happened twice in a row.
	Unchecked map[string]error
}

// NodeDelivery is what is known of one node.
type NodeDelivery struct {
	// Up is whether what is published through the node arrives elsewhere, and
	// the other way round.
	Up bool
	// Objection is what speaks against this node alone; nil: nothing does.
	Objection *Objection
}

// Delivery checks whether nodes deliver each other's events. A node without its
// Redis answers everything and delivers nothing, which no check of one node sees.
// It has a client on each node, and publishes an event through each node in each
// round. Make it with NewDelivery.
type Delivery struct {
	plan    func() Plan
	report  func(Delivered)
	replan  chan struct{} // with room for one
	channel string        // nobody else knows it
	now     atomic.Pointer[round]

	// Run's:
	ears  ears
	nodes map[string]*standing
	all   community
}

// NewDelivery starts nothing. Plan is asked at the beginning of each round, and
// report is told at its end, one call at a time; neither may block.
func NewDelivery(plan func() Plan, report func(Delivered)) *Delivery {
	d := &Delivery{
		plan: plan, report: report, replan: make(chan struct{}, 1), channel: "fermata-delivery-" + rand.Text(),
		ears: ears{open: make(map[string]*ear)}, nodes: make(map[string]*standing),
	}
	d.now.Store(newRound(nil, nil))
	return d
}

// Replan says that the plan may have gone on or off; any other change is for the
// next round anyway. It never blocks and may be called at any time from any
// goroutine.
func (d *Delivery) Replan() {
	select {
	case d.replan <- struct{}{}:
	default:
	}
}

// Run makes rounds until ctx ends, and returns why it did. It may be called once.
func (d *Delivery) Run(ctx context.Context) error {
	defer d.ears.close()
	began := time.Now()
	for {
		plan := d.plan()
		var next <-chan time.Time // never, while it is off
		if plan.off() {
			d.forget()
		} else {
			next = time.After(time.Until(began.Add(jittered(d.gap(plan)))))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.replan:
			continue
		case <-next:
		}
		began = time.Now()
		if plan := d.plan(); !plan.off() {
			d.round(ctx, plan)
		}
	}
}

// gap is the time from one round to the next. The first one waits only until the
// nodes' own checks have passed.
func (d *Delivery) gap(p Plan) time.Duration {
	switch {
	case len(d.nodes) == 0:
		return p.Interval / 5
	case d.doubts():
		return p.Interval / 2
	}
	return p.Interval
}

// doubts is whether something did not arrive of late, or some node is not known.
func (d *Delivery) doubts() bool {
	for _, s := range d.nodes {
		if !s.known && s.absent < roundsNeeded || s.against > 0 {
			return true
		}
	}
	return d.all.against > 0
}

// forget is for a check that is off.
func (d *Delivery) forget() {
	if len(d.nodes) == 0 && len(d.ears.open) == 0 && d.all == (community{}) {
		return
	}
	d.ears.keep(Plan{})
	clear(d.nodes)
	d.all = community{}
	d.report(Delivered{})
}

// round makes one, unless ctx ends: nothing was learnt then.
func (d *Delivery) round(ctx context.Context, p Plan) {
	unheard := d.open(ctx, p)
	sites, ears := d.listening(p)
	r := newRound(sites, ears)
	d.now.Store(r)
	bounded, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	unpublished := r.run(bounded, p, d.channel)
	if ctx.Err() != nil {
		return
	}
	failed := unheard
	for i, err := range unpublished {
		if err == nil && !ears[i].alive() {
			err = errors.New("the connection ended")
		}
		if err != nil {
			failed[sites[i].Name] = err
		}
	}
	d.learn(r, failed)
	d.report(d.delivered(failed))
}

// open opens the ears that the plan needs and that there are not, and returns
// why some are not there.
func (d *Delivery) open(ctx context.Context, p Plan) map[string]error {
	d.ears.keep(p)
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	opened, errs := make([]*ear, len(p.Sites)), make([]error, len(p.Sites))
	var opening sync.WaitGroup
	for i, s := range p.Sites {
		if d.ears.open[s.Name] == nil {
			opening.Go(func() { opened[i], errs[i] = openEar(ctx, s, p, d.channel) })
		}
	}
	opening.Wait()
	failed := make(map[string]error)
	for i, s := range p.Sites {
		if opened[i] != nil {
			d.ears.add(s.Name, opened[i], d.heard)
		}
		if errs[i] != nil {
			failed[s.Name] = errs[i]
		}
	}
	return failed
}

// listening are the plan's sites that have an ear, and their ears.
func (d *Delivery) listening(p Plan) (sites []Site, all []*ear) {
	for _, s := range p.Sites {
		if e := d.ears.open[s.Name]; e != nil {
			sites, all = append(sites, s), append(all, e)
		}
	}
	return sites, all
}

// heard is called on the ears' goroutines.
func (d *Delivery) heard(e *ear, event string) { d.now.Load().heard(e, event) }

// learn adds a round to what is known, of the nodes that took part to its end.
func (d *Delivery) learn(r *round, failed map[string]error) {
	var part []int
	for i, s := range r.sites {
		if failed[s.Name] == nil {
			part = append(part, i)
		}
	}
	outcomes := r.among(part).judge()
	seen, allFresh := make(map[string]bool), true
	for i, at := range part {
		name, e := r.sites[at].Name, r.ears[at]
		d.standing(name).add(outcomes[i], !e.proven)
		seen[name], allFresh = true, allFresh && !e.proven
		e.proven = true
	}
	d.all.add(outcomes, allFresh)
	d.miss(seen, failed)
}

func (d *Delivery) standing(node string) *standing {
	s := d.nodes[node]
	if s == nil {
		s = &standing{}
		d.nodes[node] = s
	}
	return s
}

// miss is for the nodes that were not in a round, or not to its end. One that was
// not for want of something of our own stays as it was.
func (d *Delivery) miss(seen map[string]bool, failed map[string]error) {
	for node := range failed {
		d.standing(node)
	}
	for node, s := range d.nodes {
		err := failed[node]
		if seen[node] || shortage.Of(err) != "" || !s.miss() {
			continue
		}
		if err == nil { // nobody asks for it any more
			delete(d.nodes, node)
		}
	}
}

// delivered is what is known now.
func (d *Delivery) delivered(failed map[string]error) Delivered {
	now := Delivered{Nodes: make(map[string]NodeDelivery), Lost: d.all.fault.reason(), Unchecked: make(map[string]error)}
	for node, s := range d.nodes {
		err := failed[node]
		if err != nil && (shortage.Of(err) != "" || s.absent >= roundsNeeded) {
			now.Unchecked[node] = err
		}
		if s.known {
			now.Nodes[node] = NodeDelivery{Up: s.fault == delivers && now.Lost == "", Objection: s.fault.objection()}
		}
	}
	return now
}
