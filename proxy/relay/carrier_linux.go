package relay

import "iter"

// carrier is what coroutines run on, one after the other. To begin anew for each would
// be to grow a stack for each, which takes 5 % of the time of a new client.
type carrier struct {
	work  *coroutine
	next  func() (why, bool)
	stop  func()
	yield func(why) bool
}

// A why says for what a carrier has switched back to who runs it.
type why int

const (
	waits     why = iota // its coroutine waits for something
	goesAside            // its coroutine must not run on the shard
	isDone               // it has none any more
)

func newCarrier() *carrier {
	k := new(carrier)
	k.next, k.stop = iter.Pull(func(yield func(why) bool) {
		k.yield = yield
		for more := true; more; more = yield(isDone) {
			k.work.work()
			k.work = nil
		}
	})
	return k
}

// resume switches to it.
func (k *carrier) resume() why {
	w, _ := k.next()
	return w
}

// pause switches back.
func (k *carrier) pause(w why) { k.yield(w) }

// mostCarriers is how many stay with a shard that has nothing for them, for the next
// clients that come together. The garbage collector takes most of their stacks.
const mostCarriers = 32

// carrier is one without a coroutine.
func (s *shard) carrier() *carrier {
	last := len(s.carriers) - 1
	if last < 0 {
		return newCarrier()
	}
	k := s.carriers[last]
	s.carriers = s.carriers[:last]
	return k
}

func (s *shard) release(k *carrier) {
	if len(s.carriers) < mostCarriers {
		s.carriers = append(s.carriers, k)
	} else {
		k.stop()
	}
}

// endCarriers ends those that have nothing to do.
func (s *shard) endCarriers() {
	for _, k := range s.carriers {
		k.stop()
	}
	s.carriers = nil
}
