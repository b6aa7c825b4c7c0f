package cluster

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// event is one of the things that happen in a world.
type event struct {
	after  time.Duration // since the one before
	do     string
	member int
	node   string
	number int
	fault  fault
	length time.Duration // of the fault
}

func (e event) String() string {
	return fmt.Sprintf("%v %s %c %s %d %d %v", e.after, e.do, 'a'+e.member, e.node, e.number, e.fault, e.length)
}

// happen does it.
func (w *world) happen(e event) {
	<-time.After(e.after)
	p, s := w.members[e.member], w.store
	switch e.do {
	case "come":
		p.pool.come(e.node, e.number)
	case "leave":
		p.pool.leave(e.node, e.number)
	case "drain", "drain alone":
		w.decide(p, e.node, true, e.do == "drain alone")
	case "undrain", "undrain alone":
		w.decide(p, e.node, false, e.do == "undrain alone")
	case "roll", "roll alone":
		w.roll(p, e.do == "roll alone")
	case "break":
		if !w.gentle || p.link.whole() {
			p.link.breaks(e.fault, e.length)
		}
	case "stop":
		w.end(e.member, false)
	case "die":
		w.end(e.member, true)
	default:
		s.change(func() { tamper(s, e) })
	}
	w.look()
}

// tamper is what happens to the store itself, by a crash or by somebody.
func tamper(s *simStore, e event) {
	old := func() []byte { return s.before[len(s.before)-1-e.number%len(s.before)] }
	someone := s.old[len(s.old)-1-e.number%len(s.old)]
	switch {
	case e.do == "another clock":
		s.ahead = time.Duration(e.number-15) * time.Second
	case e.do == "lose all":
		s.state, s.reports = nil, map[string][]byte{}
	case e.do == "delete the state":
		s.state = nil
	case e.do == "delete reports":
		clear(s.reports)
	case e.do == "garble the state":
		s.state = fmt.Append(nil, "garbage", e.number)
	case e.do == "garble a report":
		s.reports[someone.id] = fmt.Append(nil, "garbage", e.number)
	case e.do == "repeat a report":
		s.reports[someone.id] = someone.raw
	case e.do == "lose the last writes" && len(s.before) > 0:
		s.state = bytes.Clone(old())
	}
}

// whole is whether a link has worked for a second, in which a member was heard.
func (l *link) whole() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.until) > time.Second
}

var (
	everyday = []string{"come", "come", "come", "leave", "leave", "drain", "drain", "undrain", "roll", "break", "break", "stop", "die", "another clock"}
	disaster = []string{"drain alone", "undrain alone", "roll alone", "lose all", "delete the state", "delete reports",
		"garble the state", "garble a report", "repeat a report", "lose the last writes"}
)

func drawEvents(t *rapid.T, members int, kinds []string, longest time.Duration) []event {
	ms := func(most time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(0, int(most.Milliseconds())), func(n int) time.Duration { return time.Duration(n) * time.Millisecond })
	}
	one := rapid.Custom(func(t *rapid.T) event {
		return event{
			after:  ms(1200*time.Millisecond).Draw(t, "after"),
			do:     rapid.SampledFrom(kinds).Draw(t, "do"),
			member: rapid.IntRange(0, members-1).Draw(t, "member"),
			node:   rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"}).Draw(t, "node"),
			number: rapid.IntRange(1, 30).Draw(t, "number"),
			fault:  fault(rapid.IntRange(int(cut), int(faults)-1).Draw(t, "fault")),
			length: ms(longest).Draw(t, "length"),
		}
	})
	return rapid.SliceOfN(one, 1, 30).Draw(t, "events")
}

// beatsToAgree is after how many beats without faults members agree.
const beatsToAgree = 4

// check lets a world go through events, and then come to rest.
func check(t *testing.T, rt *rapid.T, gentle bool, kinds []string, longest time.Duration) {
	members := rapid.IntRange(2, 4).Draw(rt, "members")
	latency := time.Duration(rapid.IntRange(0, 60).Draw(rt, "latency")) * time.Millisecond
	events := drawEvents(rt, members, kinds, longest)
	var wrong []string
	synctest.Test(t, func(t *testing.T) {
		s := newSimStore()
		s.latency = latency
		w := newWorld(s, members, gentle)
		for _, e := range events {
			w.happen(e)
		}
		w.heal()
		passes(beatsToAgree * (beatEvery*11/10 + 6*latency)) // four ways for an exchange, more for a write
		w.decided()
		passes(20 * time.Second) // the dead are gone, and what they had is given away; nobody remembers who came where
		w.agree()
		w.decided()
		w.shared()
		_, before := s.counts()
		passes(2 * time.Second)
		if _, after := s.counts(); after != before {
			w.fault("got %d writes of the state at rest, want none", after-before)
		}
		w.close()
		s.inFlight.Wait()
		wrong = w.wrong
	})
	if len(wrong) > 0 {
		rt.Fatalf("%s", strings.Join(wrong, "\n"))
	}
}

// Links break for a while, writes are lost, late and doubled, members die and
// are started again: nothing ever goes over its bounds.
func TestWhateverHappensToLinksAndMembersBoundsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { check(t, rt, true, everyday, 2*time.Second) })
}

// The store loses what it had, members decide alone, somebody without the secret
// does what he likes: all members agree in the end, on the newest decisions.
func TestWhateverHappensMembersAgreeInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { check(t, rt, false, append(everyday, disaster...), 15*time.Second) })
}
