package relay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// recorder is a Tap that notes what it is shown. Its fields are the relay's
// goroutine's.
type recorder struct {
	shown   []string
	missed  int
	instead func(text string) []byte // nil: nothing is changed
}

func (k *recorder) FromClient(text []byte) []byte {
	k.shown = append(k.shown, string(text))
	if k.instead == nil {
		return nil
	}
	instead := k.instead(string(text))
	clear(text) // nobody has a use for it afterwards
	return instead
}

func (k *recorder) Missed() { k.missed++ }

// tapped is an Owner that is a Tap.
type tapped struct {
	*owner
	Tap
}

// tapBy makes the pair's owner one that is a Tap. Changes of the owner come before.
func tapBy(p *Pair, tap Tap) { p.Owner = tapped{p.Owner.(*owner), tap} }

// wantShown waits for the relay's end, after which the tap is the test's.
func (k *recorder) wantShown(r *rig, missed int, want ...string) {
	r.t.Helper()
	r.client.Close()
	r.node.Close()
	r.end()
	if !slices.Equal(k.shown, want) || k.missed != missed {
		r.t.Errorf("the tap was shown %q and missed %d messages, want %q and %d", k.shown, k.missed, want, missed)
	}
}

// eachClient tests with clients over TCP and over TLS.
func eachClient(t *testing.T, f func(*testing.T, legs)) {
	for name, l := range layouts(t, newBest) {
		t.Run(name, func(t *testing.T) { f(t, l) })
	}
}

func TestATapIsShownWholeTextMessages(t *testing.T) {
	fragments := join(
		appendFrame(nil, opText, masked, []byte("in ")),
		appendFrame(nil, bitFIN|opPing, masked, []byte("ping")),
		appendFrame(nil, bitFIN|opContinuation, masked, []byte("two")))
	compressed := appendFrame(nil, bitFIN|0x40|opText, masked, []byte("compressed"))
	big := strings.Repeat("big", bufferSize)
	eachClient(t, func(t *testing.T, l legs) {
		tap := &recorder{}
		r := l.start(t, func(p *Pair) {
			tapBy(p, tap)
			p.ToNode = text(masked, "early")
		})
		all := join(text(masked, "one"), fragments, binaryOf(masked, 10), compressed, text(masked, ""), text(masked, big), text(masked, "two"))
		go r.client.Write(all)
		r.nodeGets(text(masked, "early"), all)
		tap.wantShown(r, 4, "early", "one", "", "two")
	})
}

func TestATapIsShownAMessageOnceHoweverItIsCut(t *testing.T) {
	long := strings.Repeat("x", 300)
	eachClient(t, func(t *testing.T, l legs) {
		tap := &recorder{}
		r := l.start(t, func(p *Pair) { tapBy(p, tap) })
		stream := join(text(masked, "a"), text(masked, long), text(masked, "b"))
		var want []string
		for at := 0; at < len(stream); at += 7 {
			r.clientSends(stream[:at])
			r.clientSends(stream[at:])
			r.nodeGets(stream)
			want = append(want, "a", long, "b")
		}
		tap.wantShown(r, 0, want...)
	})
}

// The largest message that is shown has 32 KB with its header.
func TestATapMissesWhatIsLargerThanWhatIsHeld(t *testing.T) {
	const most = bufferSize - 8
	eachClient(t, func(t *testing.T, l legs) {
		tap := &recorder{}
		r := l.start(t, func(p *Pair) { tapBy(p, tap) })
		fits, larger := strings.Repeat("f", most), strings.Repeat("l", most+1)
		for _, payload := range []string{fits, larger, fits} {
			go r.client.Write(text(masked, payload))
			r.nodeGets(text(masked, payload))
		}
		tap.wantShown(r, 1, fits, fits)
	})
}

func TestATapCanChangeMessages(t *testing.T) {
	swap := map[string]string{"short": strings.Repeat("longer", 5000), strings.Repeat("long", 50): "s", "gone": ""}
	eachClient(t, func(t *testing.T, l legs) {
		tap := &recorder{instead: func(text string) []byte {
			if instead, ok := swap[text]; ok {
				return []byte(instead)
			}
			return nil
		}}
		counts := new(Counts)
		r := l.start(t, func(p *Pair) {
			tapBy(p, tap)
			p.Counts = counts
		})
		var up, want []byte
		random := []string{"same", "short", "short", strings.Repeat("long", 50), "gone", "same", "short"}
		for i := range 200 {
			payload := random[i%len(random)]
			up = append(up, text(masked, payload)...)
			if instead, ok := swap[payload]; ok {
				want = appendText(want, masked, []byte(instead))
			} else {
				want = append(want, text(masked, payload)...)
			}
			if i%50 == 49 {
				up, want = append(up, binaryOf(masked, 100_000)...), append(want, binaryOf(masked, 100_000)...)
			}
		}
		go r.client.Write(up)
		r.nodeGets(want)
		waitFor(t, func() bool {
			return counts.Totals().BytesToNode == int64(len(want)) && counts.Totals().MessagesToNode == 204
		},
			func() string {
				return fmt.Sprintf("got %+v, want %d bytes in 204 messages", counts.Totals(), len(want))
			})
	})
}

func TestATapsPanicEndsItsClientAlone(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		others, r := l.startBesides(t, func(*owner) {})
		panics := make(chan *PanicError, 1)
		tapped := legs{newEngine: func() Engine { return r.engine }, tls: l.tls}.start(t, func(p *Pair) {
			p.Owner.(*owner).panicked = panics
			tapBy(p, &recorder{instead: func(string) []byte { panic("no idea") }})
		})
		t.Cleanup(append(rigs{tapped, r}, others...).close) // before anybody waits for the engine
		tapped.clientSends(text(masked, "hello"))
		tapped.clientIsOver()
		if err := tapped.toldOf(panics); err.Value != "no idea" || !bytes.Contains(err.Stack, []byte("FromClient")) {
			t.Errorf("got %v at\n%s\nwant the panic and where it was", err, err.Stack)
		}
		if end := <-tapped.ended; end.By != ByInternalError {
			t.Errorf("got end %+v, want one by %q", end, ByInternalError)
		}
		others.echo()
	})
}
