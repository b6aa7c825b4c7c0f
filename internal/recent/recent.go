// Package recent remembers what strangers do, for a while and in bounded memory,
// however many of them there are.
package recent

import (
	"sync"
	"time"
)

// Map keeps the value of a key for Every at least, unless Most others have come
// since. It must not be used concurrently.
type Map[K comparable, V any] struct {
	Every time.Duration // after twice that without a Set, a value is gone
	Most  int           // keys; there are never more than twice as many

	begun       time.Time
	now, before map[K]V // what was set since begun, and in the time before that
}

// Get returns the zero value for a key that is not known.
func (m *Map[K, V]) Get(key K, at time.Time) V {
	m.turn(at)
	if v, ok := m.now[key]; ok {
		return v
	}
	return m.before[key]
}

// Set sets the value of a key.
func (m *Map[K, V]) Set(key K, v V, at time.Time) {
	m.turn(at)
	if len(m.now) >= m.Most {
		m.begin(m.now, at)
	}
	m.now[key] = v
}

// turn forgets what is too old.
func (m *Map[K, V]) turn(at time.Time) {
	switch age := at.Sub(m.begun); {
	case age >= 2*m.Every:
		m.begin(nil, at)
	case age >= m.Every:
		m.begin(m.now, at)
	}
}

func (m *Map[K, V]) begin(before map[K]V, at time.Time) {
	m.begun, m.before, m.now = at, before, make(map[K]V)
}

// Lines are log lines that come once per key and minute. The zero value is ready.
// It may be used concurrently.
type Lines[K comparable] struct {
	mu   sync.Mutex
	said Map[K, said]
}

type said struct {
	at    time.Time
	count int // since then
}

// mostLines is how many keys are told apart in a minute.
const mostLines = 1000

// Add counts one more, and returns how many the log is to tell of: those of the key
// since its last line, once a minute, and otherwise 0. It is 0 too when so many
// keys have had a line that more would be a flood.
func (l *Lines[K]) Add(key K, at time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said.Every, l.said.Most = time.Minute, mostLines+1
	last := l.said.Get(key, at)
	last.count++
	count := last.count
	switch {
	case at.Sub(last.at) < time.Minute:
		count = 0
	case len(l.said.now) >= mostLines:
		return 0
	default:
		last = said{at: at}
	}
	l.said.Set(key, last, at)
	return count
}
