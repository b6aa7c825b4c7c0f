package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// MovedID is a client that its node knows by another socket id than its app, or
// that is about to be one. Present is empty for one that is not, any more.
type MovedID struct {
	App, Told, Present, Node string
	Moving                   bool
}

// Said is what a member says of its clients at one time.
type Said struct {
	Number uint64 // of this one; a member counts them
	Oldest uint64 // since when it has said all its clients that there still are; 0: it is not known here
	IDs    []MovedID
}

// IDsDeps are what IDs work with. The funcs are called from several goroutines, and
// must not block for long.
type IDsDeps struct {
	Client  redis.UniversalClient
	Self    string           // this member's id
	Now     func() time.Time // by Redis's clock
	Moved   func(app, told string) MovedID
	Learn   func(member string, s Said) // what another member says, in its order
	Unlearn func(member string)         // all that it has said
	Refused func(reason string)         // as Deps.Refused
	Log     *zap.Logger
}

// IDs are the clients that members have moved: each says its own to the others, in a
// stream that keeps what was said in the last minutes. It says all of them again in
// that time, so that who comes new has to read no further back.
type IDs struct {
	deps   IDsDeps
	sign   signer
	stream string // its key
	own    *ownIDs
	others speakers
	away   atomic.Bool
	caught chan struct{} // see CaughtUp

	expires time.Time // when it was set when the stream goes; of write alone
}

const (
	// idsKept is how long Redis keeps what was said.
	idsKept = 10 * time.Minute
	// idsPause is the least time between two announcements of a member. What comes
	// meanwhile is said together.
	idsPause = 5 * time.Millisecond
	// idsPatience is for how long something waits to be said together with others
	// when nobody waits for it.
	idsPatience = 50 * time.Millisecond
	// expireEvery is how often it is set when the stream goes of which nobody thinks
	// any more.
	expireEvery = time.Minute
	// idsRetry is how soon a Redis that is away is tried again.
	idsRetry = 500 * time.Millisecond
	// idsBlock is for how long it is asked for news at once.
	idsBlock = 2 * time.Second
	// renewEvery, and renewParts of that for all: 5 minutes.
	renewEvery, renewParts = 5 * time.Second, 60
	// mostIDs is how many one announcement has.
	mostIDs = 500
)

// NewIDs starts nothing. The options must have been validated.
func NewIDs(o Options, deps IDsDeps) *IDs {
	return &IDs{deps: deps, sign: newSigner(o), stream: o.key("ids"), own: newOwnIDs(), caught: make(chan struct{})}
}

// Announce has the others know what has become of a client of this member. Heard is
// closed when they could read it, or when Redis is away. It may be called from any
// goroutine, and does not block.
func (i *IDs) Announce(app, told string) (heard <-chan struct{}) {
	return i.note(app, told, true)
}

// Mention is as Announce, for what may come to the others a little later: then fewer
// announcements are made.
func (i *IDs) Mention(app, told string) { i.note(app, told, false) }

func (i *IDs) note(app, told string, waits bool) (heard <-chan struct{}) {
	away := i.away.Load()
	return i.own.note(clientID{app, told}, waits, away, away && i.deps.Moved(app, told).Present == "")
}

// CaughtUp is closed once all is learned that was said before Run.
func (i *IDs) CaughtUp() <-chan struct{} { return i.caught }

// Living is told who lives, again and again. The others' clients are forgotten.
func (i *IDs) Living(members []string) {
	for _, gone := range i.others.part(members, time.Now()) {
		i.deps.Unlearn(gone)
	}
}

// Run exchanges ids until ctx ends. It then returns within idsBlock, and at once
// when the client is closed.
func (i *IDs) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { i.write(ctx) })
	both.Go(func() { i.read(ctx) })
	both.Wait()
}

// write says what is due. At its end nobody waits for it any more.
func (i *IDs) write(ctx context.Context) {
	defer func() {
		i.away.Store(true)
		i.own.release()
	}()
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for ctx.Err() == nil {
		if i.away.Load() {
			i.tryAgain(ctx)
			continue
		}
		select {
		case <-i.own.wake:
			i.sayDue(ctx)
		case <-renew.C:
			i.own.renew()
		case <-ctx.Done():
		}
	}
}

// sayDue says what is due, as much as one announcement can have.
func (i *IDs) sayDue(ctx context.Context) {
	b := i.own.take()
	if len(b.ids) == 0 {
		return
	}
	i.own.done(b, i.say(ctx, b))
	rest(ctx, idsPause)
}

// say writes an announcement, and is whether it worked.
func (i *IDs) say(ctx context.Context, b *batch) bool {
	for at, id := range b.ids {
		b.now[at] = i.deps.Moved(id.app, id.told)
	}
	said := i.own.number(b)
	if len(said.IDs) == 0 {
		return true
	}
	if err := i.add(ctx, said); err != nil {
		i.lost(err)
		return false
	}
	return true
}

// lost is for an error of Redis. What it still has is not known then, so that all is
// said anew.
func (i *IDs) lost(err error) {
	i.own.anew()
	var answered redis.Error // the outage itself, Member tells of
	if !i.away.Swap(true) && errors.As(err, &answered) {
		i.deps.Log.Warn("clients that were moved cannot be told to the other members", zap.Error(err))
	}
	i.own.release()
}

// tryAgain ends an outage if Redis answers.
func (i *IDs) tryAgain(ctx context.Context) {
	rest(ctx, idsRetry)
	if i.deps.Client.Ping(ctx).Err() == nil {
		i.away.Store(false)
		i.expires = time.Time{} // it may have come back empty
		i.own.wakeUp()
	}
}

// rest waits, and no longer than ctx lasts.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
