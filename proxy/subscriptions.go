package proxy

import (
	"sync"

	"fermata/internal/metrics"
	"fermata/internal/pusher"
	"fermata/proxy/session"
)

// subscriptionCounts are what the sessions of each app are subscribed to. The zero
// value is ready. Its methods may be called concurrently.
type subscriptionCounts struct {
	mu   sync.Mutex
	apps map[string]*session.Counts // by key
}

// of are the app's, for its sessions to count in.
func (c *subscriptionCounts) of(app *session.App) *session.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apps == nil {
		c.apps = make(map[string]*session.Counts)
	}
	if c.apps[app.Key] == nil {
		c.apps[app.Key] = new(session.Counts)
	}
	return c.apps[app.Key]
}

// all are those of these apps, the kinds that nobody is subscribed to included.
func (c *subscriptionCounts) all(apps []session.App) (all []metrics.Subscriptions) {
	for i := range apps {
		counts := c.of(&apps[i])
		for kind := range pusher.Kinds {
			all = append(all, metrics.Subscriptions{App: apps[i].Key, Kind: kind.String(), Count: counts.Of(kind)})
		}
	}
	return all
}

// Subscriptions are what the sessions of the apps in the configuration are
// subscribed to.
func (h *Handler) Subscriptions() []metrics.Subscriptions {
	return h.subs.all(h.options.Load().Apps)
}
