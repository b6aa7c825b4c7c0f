package proxy

import (
	"container/list"
	"sync"
)

// publications are the requests under way that publish events, by app and in the
// order in which they came, and among them the moves that wait for those which came
// before. The zero value is ready. The methods may be called concurrently.
type publications struct {
	mu   sync.Mutex
	apps map[string]*list.List // of chan struct{}: a move's, or a request's nil
}

// enter is for a request of a known app, until answered is called.
func (p *publications) enter(app string) (answered func()) { return p.join(app, nil) }

// earlier is closed when all requests of the app are answered that are under way
// now. Leave must be called.
func (p *publications) earlier(app string) (over <-chan struct{}, leave func()) {
	c := make(chan struct{})
	return c, p.join(app, c)
}

func (p *publications) join(app string, over chan struct{}) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of(app)
	at := l.PushBack(over)
	tellFirst(l)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.Remove(at)
		tellFirst(l)
	}
}

// of are the app's. mu is held.
func (p *publications) of(app string) *list.List {
	l := p.apps[app]
	if l == nil {
		l = list.New()
		if p.apps == nil {
			p.apps = make(map[string]*list.List)
		}
		p.apps[app] = l
	}
	return l
}

// tellFirst tells the moves before which there is no request any more.
func tellFirst(l *list.List) {
	for at := l.Front(); at != nil && at.Value.(chan struct{}) != nil; at = l.Front() {
		close(l.Remove(at).(chan struct{}))
	}
}
