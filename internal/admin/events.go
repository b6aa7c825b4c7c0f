package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	keptEvents    = 100
	followerQueue = 64 // events that a follower may be behind
	heartbeat     = 15 * time.Second
	writeTimeout  = 10 * time.Second
)

// feed keeps the latest events and passes new ones on to its followers. As a
// handler it serves them as server-sent events.
type feed struct {
	epoch string // tells our ids from those of an earlier process

	mu        sync.Mutex
	last      int        // number of the latest event, from 1
	kept      []numbered // the latest ones, oldest first
	followers map[chan numbered]struct{}
	closed    bool
}

type numbered struct {
	number int
	event  Event
}

func newFeed() *feed {
	return &feed{
		epoch:     strconv.FormatInt(time.Now().UnixNano(), 36),
		followers: make(map[chan numbered]struct{}),
	}
}

func (f *feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	n := numbered{f.last, e}
	if len(f.kept) == keptEvents {
		f.kept = append(f.kept[:0], f.kept[1:]...)
	}
	f.kept = append(f.kept, n)
	for follower := range f.followers {
		select {
		case follower <- n:
		default:
			f.drop(follower)
		}
	}
}

// endFollowers ends the streams that there are.
func (f *feed) endFollowers() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for follower := range f.followers {
		f.drop(follower)
	}
}

// follow returns the kept events after the given one, and a channel of those
// that come then. It is closed when the feed closes or the follower is too
// slow; leave gives it back.
func (f *feed) follow(after int) (missed []numbered, events <-chan numbered, leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.kept {
		if n.number > after {
			missed = append(missed, n)
		}
	}
	follower := make(chan numbered, followerQueue)
	f.followers[follower] = struct{}{}
	if f.closed {
		f.drop(follower)
	}
	return missed, follower, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(follower)
	}
}

// drop needs the lock; a follower that is gone already may be dropped again.
func (f *feed) drop(follower chan numbered) {
	if _, ok := f.followers[follower]; ok {
		delete(f.followers, follower)
		close(follower)
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for follower := range f.followers {
		f.drop(follower)
	}
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	missed, events, leave := f.follow(f.number(r.Header.Get("Last-Event-ID")))
	defer leave()
	out := stream{w: w, control: http.NewResponseController(w), epoch: f.epoch}
	if !out.begin() {
		return
	}
	for _, n := range missed {
		if !out.send(n) {
			return
		}
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if !out.write(": still here\n\n") {
				return
			}
		case n, ok := <-events:
			if !ok || !out.send(n) {
				return
			}
		}
	}
}

// number reads an id that send wrote; 0, before all events, when it is not
// ours.
func (f *feed) number(id string) int {
	digits, ok := strings.CutPrefix(id, f.epoch+"-")
	if !ok {
		return 0
	}
	number, _ := strconv.Atoi(digits)
	return number
}

// stream writes server-sent events. Its methods are false when the follower
// is gone.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	epoch   string
}

func (s stream) begin() bool {
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.control.SetReadDeadline(time.Time{}) // the request is read, the stream may last
	return s.write("retry: 2000\n\n")
}

func (s stream) send(n numbered) bool {
	data, err := json.Marshal(n.event)
	return err == nil && s.write(fmt.Sprintf("id: %s-%d\ndata: %s\n\n", s.epoch, n.number, data))
}

// sendAs sends what no follower has to get again: it has a type and no id.
func (s stream) sendAs(kind string, value any) bool {
	data, err := json.Marshal(value)
	return err == nil && s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", kind, data))
}

func (s stream) write(text string) bool {
	s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.control.Flush() == nil
}
