package app

import (
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/admin"
	"fermata/internal/config"
	"fermata/internal/shortage"
	"fermata/proxy/session"
)

// delivery is the check of what the nodes deliver, and what it has found.
type delivery struct {
	*health.Delivery
	found atomic.Pointer[health.Delivered] // nil: nothing yet
}

// deliveryPlan is what the next round is to do.
func (a *App) deliveryPlan() health.Plan {
	a.mu.Lock()
	c := a.config
	a.mu.Unlock()
	p := health.Plan{
		DeliveryOptions: c.Health.Reverb.Delivery, App: deliveryApp(c), Origin: c.Health.Reverb.Origin, PathPrefix: c.PathPrefix,
	}
	if a.succession.isFollowing() { // the successor sees to it
		return p
	}
	for _, n := range a.pool.Nodes() {
		if place, known := a.checks.place(n.Name); known && takesPart(n) {
			p.Sites = append(p.Sites, health.Site{Name: n.Name, Place: place})
		}
	}
	return p
}

// deliveryApp is the app whose key the other checks use, or else the first one.
func deliveryApp(c *config.Config) health.App {
	if len(c.Apps) == 0 {
		return health.App{}
	}
	same := slices.IndexFunc(c.Apps, func(app session.App) bool { return app.Key == c.Health.Reverb.AppKey })
	return health.App(c.Apps[max(same, 0)])
}

// takesPart is whether the node's own checks pass, and nobody is about to restart
// it. One that is down for what it delivers goes on, so that it can come back.
func takesPart(n balancer.Status) bool {
	if n.Removed || n.Checked.IsZero() {
		return false
	}
	return n.Up && n.Drain == nil || health.Fault(n.Fault).Delivery()
}

// delivered is told the result of each round.
func (a *App) delivered(d health.Delivered) {
	before := a.delivery.found.Swap(&d)
	a.checks.object(d.Nodes)
	for node, err := range d.Unchecked {
		a.notDelivered(node, err)
	}
	was := before != nil && before.Lost != ""
	switch {
	case d.Lost != "" && !was:
		a.tell("no_delivery", "", d.Lost)
	case d.Lost == "" && was && d.Nodes != nil: // it is not only that the check went off
		a.tell("delivery", "", "events arrive again")
	}
}

// notDelivered is told of a node that could not take part in a round.
func (a *App) notDelivered(node string, err error) {
	if shortage.Of(err) != "" {
		a.notChecked(node, err)
		return
	}
	a.shortages.delivery.warn(a.log, "node's delivery not checked", zap.String("node", node), zap.NamedError("err", err))
}

// of is what is known of a node's delivery.
func (d *delivery) of(node string) (now health.NodeDelivery, lost string, known bool) {
	found := d.found.Load()
	if found == nil {
		return now, "", false
	}
	now, known = found.Nodes[node]
	return now, found.Lost, known
}

// up is whether nodes deliver, for the metrics.
func (d *delivery) up() map[string]bool {
	up := make(map[string]bool)
	if found := d.found.Load(); found != nil {
		for node, now := range found.Nodes {
			up[node] = now.Up
		}
	}
	return up
}

// show adds what is known to what the API shows. A node that is at fault itself
// has the reason already.
func (d *delivery) show(v *admin.Node) {
	now, lost, known := d.of(v.Name)
	switch {
	case !known:
		return
	case now.Up:
		v.Delivery = admin.HealthUp
		return
	}
	v.Delivery = admin.HealthDown
	if lost != "" {
		v.Reason += "; " + lost
	}
}
