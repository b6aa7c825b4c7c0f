package app

import (
	"fermata/internal/cluster"
	"fermata/proxy"
)

// newIDs is how the members tell each other where the clients are that they moved.
func (a *App) newIDs(o cluster.Options, store *cluster.RedisStore, member *cluster.Member) *cluster.IDs {
	return cluster.NewIDs(o, cluster.IDsDeps{
		Client: store.Client(), Self: member.View().Self, Now: member.Now,
		Moved:   func(app, told string) cluster.MovedID { return cluster.MovedID(a.handler.Moved(app, told)) },
		Learn:   func(member string, s cluster.Said) { a.handler.Learn(member, announcement(s)) },
		Unlearn: a.handler.Unlearn, Refused: a.refused, Log: a.log.Named("cluster"),
	})
}

func announcement(s cluster.Said) proxy.Announcement {
	ids := make([]proxy.MovedID, len(s.IDs))
	for i, m := range s.IDs {
		ids[i] = proxy.MovedID(m)
	}
	return proxy.Announcement{Number: s.Number, Oldest: s.Oldest, IDs: ids}
}

// announcer is proxy.Deps.Announce. The ids come after the handler, and before its
// first client.
func (a *App) announcer(o *cluster.Options) func(app, told string) (heard <-chan struct{}) {
	if o == nil {
		return func(app, told string) (heard <-chan struct{}) {
			if f := a.succession.link.Load(); f != nil {
				return f.announce(app, told)
			}
			return nil
		}
	}
	return func(app, told string) (heard <-chan struct{}) { return a.ids.Announce(app, told) }
}

// mentioner is proxy.Deps.Mention.
func (a *App) mentioner(o *cluster.Options) func(app, told string) {
	if o == nil {
		return func(app, told string) {
			if f := a.succession.link.Load(); f != nil {
				f.mention(app, told)
			}
		}
	}
	return func(app, told string) { a.ids.Mention(app, told) }
}

// unlearn forgets the clients of members that are gone.
func (a *App) unlearn(v cluster.View) {
	if a.ids == nil {
		return
	}
	living := make([]string, len(v.Members))
	for i, m := range v.Members {
		living[i] = m.ID
	}
	a.ids.Living(living)
}
