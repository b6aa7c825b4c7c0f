//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"fermata/internal/lab/bench/frame"
	"fermata/internal/lab/bench/poll"
	"fermata/internal/lab/bench/report"
)

// Trips is a number of round trips at a fixed rate, each of some client in
// random order. A message goes out when its time has come, whether or not
// those before it are back; at full load, when another one is back.
type Trips struct {
	App          string
	Rate, Number int
	AtOnce       int  // that are under way at full load, whatever the rate; 0: at the rate
	Size         int  // of a message, at least 16 bytes
	Ping         bool // each is a Pusher ping, and its answer a pong
	// Counted is whether it is counted which messages do not come back, come twice, or
	// come to another client. Without it these are an error, or not noticed.
	Counted bool
}

// Tripped is what the round trips took.
type Tripped struct {
	Trips  []time.Duration // each from when it was due, sorted
	Late   time.Duration   // 99 of 100 messages went out not later than this
	Behind float64         // by which part of the whole time the last one was late

	Counts // zero unless they are counted
}

// grace is how long the last answers may take, and most how long round trips at
// full load.
const (
	grace = 3 * time.Second
	most  = 30 * time.Second
)

// Trip makes the round trips, and returns when all are back.
func (g *Generator) Trip(t Trips, tripped *Tripped) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.use(t.App)
	if err != nil {
		return err
	}
	if t.Size < stampSize || t.Rate <= 0 || t.Number <= 0 || len(a.clients) == 0 {
		return fmt.Errorf("got %+v with %d clients, want some of each, and %d bytes a message", t, len(a.clients), stampSize)
	}
	runtime.LockOSThread() // for good: the thread's timeouts are exact now
	if err := poll.Precise(); err != nil {
		return err
	}
	r := newRun(g, a, t)
	if err := r.run(); err != nil {
		return err
	}
	*tripped = r.result()
	return nil
}

// run is one call of Trip.
type run struct {
	Trips
	generator *Generator
	app       *app
	start     time.Time
	order     []*client
	message   []byte // a frame, but for its stamp
	frame     []byte // the one that goes out
	sent      int
	lastSent  time.Duration
	trips     []time.Duration // of the messages that are back
	late      []time.Duration
	counter   *counter // nil: nothing is counted
}

func newRun(g *Generator, a *app, t Trips) *run {
	r := &run{Trips: t, generator: g, app: a, order: slices.Clone(a.clients)}
	rand.Shuffle(len(r.order), func(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] })
	r.message = frame.AppendMasked(nil, frame.Text, make([]byte, t.Size), mask)
	if t.Ping {
		r.message = frame.AppendMasked(nil, frame.Text, []byte(`{"event":"pusher:ping","data":{}}`), mask)
		for _, c := range r.order {
			c.asked = nil
		}
	}
	if t.Counted {
		r.counter = newCounter(t.Number)
	}
	r.trips = make([]time.Duration, 0, t.Number)
	r.late = make([]time.Duration, 0, t.Number)
	return r
}

// due is when message number i has to go out, since the start.
func (r *run) due(i int) time.Duration {
	return time.Duration(float64(i) / float64(r.Rate) * float64(time.Second))
}

func (r *run) now() time.Duration { return time.Since(r.start) }

func (r *run) run() error {
	r.start = time.Now()
	end := r.due(r.Number) + grace
	if r.AtOnce > 0 {
		end += most
	}
	for len(r.trips) < r.Number || r.counter.listens(r.now()) {
		if err := r.sendDue(); err != nil {
			return err
		}
		wait := end - r.now()
		if wait <= 0 && r.counter != nil {
			return nil
		}
		if wait <= 0 {
			return fmt.Errorf("got %d of %d answers, %v after the last was due", len(r.trips), r.Number, grace)
		}
		if r.sent < r.Number && r.AtOnce == 0 {
			wait = max(0, r.due(r.sent)-r.now())
		}
		if len(r.trips) == r.Number {
			wait = onceMore
		}
		if err := r.generator.receive(wait, r.app, r.back); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) sendDue() error {
	for ; r.sent < r.Number; r.sent++ {
		now := r.now()
		due, may := r.next(now)
		if !may {
			return nil
		}
		c := r.order[r.sent%len(r.order)]
		if _, err := c.stream.Write(r.frameOf(c, due)); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		r.late = append(r.late, now-due)
		r.lastSent = now
	}
	return nil
}

// next is when the next message has to go out, and whether it may by now.
func (r *run) next(now time.Duration) (due time.Duration, may bool) {
	if r.AtOnce > 0 {
		return now, r.sent-len(r.trips) < r.AtOnce
	}
	due = r.due(r.sent)
	return due, due <= now
}

// frameOf is a client's next message. A pong has no stamp: they come in the order
// of the pings.
func (r *run) frameOf(c *client, due time.Duration) []byte {
	if r.Ping {
		c.asked = append(c.asked, due)
		return r.message
	}
	r.frame = append(r.frame[:0], r.message...)
	stamp(r.frame[len(r.frame)-r.Size:], due)
	return r.frame
}

func (r *run) back(c *client, payload []byte) {
	if r.Ping {
		if len(c.asked) > 0 && bytes.Contains(payload, []byte(`"pusher:pong"`)) {
			r.trips, c.asked = append(r.trips, r.now()-c.asked[0]), c.asked[1:]
		}
		return
	}
	due, err := readStamp(payload)
	if err != nil || len(payload) != r.Size {
		return
	}
	if r.counter == nil {
		r.trips = append(r.trips, r.now()-due)
		return
	}
	number := int(math.Round(due.Seconds() * float64(r.Rate)))
	if r.counter.take(number, c == r.order[number%len(r.order)], due, r.now()) {
		r.trips = append(r.trips, r.now()-due)
	}
}

func (r *run) result() Tripped {
	slices.Sort(r.trips)
	slices.Sort(r.late)
	lastDue := r.due(r.Number - 1)
	return Tripped{
		Counts: r.counter.counts(r.start),
		Trips:  r.trips,
		Late:   report.Percentile(r.late, 0.99),
		Behind: float64(r.lastSent-lastDue) / float64(max(lastDue, 1)),
	}
}

// A message begins with the time when it was due, in hexadecimal, because a
// text must be UTF-8.
const stampSize = 16

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// stamp overwrites the beginning of a masked payload.
func stamp(payload []byte, due time.Duration) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(due))
	hex.Encode(payload, b[:])
	frame.Mask(payload[:stampSize], mask)
}

func readStamp(payload []byte) (time.Duration, error) {
	if len(payload) < stampSize {
		return 0, errors.New("got a message without a stamp")
	}
	var b [8]byte
	_, err := hex.Decode(b[:], payload[:stampSize])
	return time.Duration(binary.BigEndian.Uint64(b[:])), err
}
