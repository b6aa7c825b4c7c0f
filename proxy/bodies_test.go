package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// opened is a body with so many bytes, and what ends when it has to make room.
func opened(t *testing.T, m *bodies, size int, most int64) (*body, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	b := m.open(cancel)
	if _, err := m.take(ctx, b, size, most); err != nil {
		t.Fatal(err)
	}
	return b, ctx
}

func wantHeld(t *testing.T, m *bodies, want int64) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != want {
		t.Errorf("got %d bytes held, want %d", m.held, want)
	}
}

// A client that sends all it has at once must not wait for those that do not.
func TestTheBodyThatHasHeldMostForLongestMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		const most = 1000
		old, _ := opened(t, &m, 300, most)
		time.Sleep(5 * time.Second) // of the bubble: old has cost 3,000
		large, evicted := opened(t, &m, 600, most)
		time.Sleep(6 * time.Second) // and large 3,600, old 3,300
		fresh := m.open(func(error) { t.Error("the fresh body had to make room") })
		took := make(chan error)
		go func() {
			_, err := m.take(t.Context(), fresh, 200, most)
			took <- err
		}()
		<-evicted.Done()
		if cause := context.Cause(evicted); !errors.Is(cause, errBodies) {
			t.Errorf("got %v, want %v", cause, errBodies)
		}
		wantHeld(t, &m, 900) // what is there until it has gone
		large.close()
		if err := <-took; err != nil {
			t.Errorf("got %v, want the room that was made", err)
		}
		wantHeld(t, &m, 500)
		old.close()
		fresh.close()
		wantHeld(t, &m, 0)
	})
}

func TestABodyGetsTheLastByteThatThereIs(t *testing.T) {
	var m bodies
	opened(t, &m, 900, 1000)
	opened(t, &m, 100, 1000)
	wantHeld(t, &m, 1000)
}

func TestABodyThatHasCostNoLessThanAnotherGetsNoRoomOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		old, evicted := opened(t, &m, 900, 1000)
		if _, err := m.take(t.Context(), m.open(nil), 200, 1000); !errors.Is(err, errBodies) || evicted.Err() != nil {
			t.Errorf("got %v, and the other one turned away: %v, want %v and that it stays", err, evicted.Err(), errBodies)
		}
		old.close()
	})
}

// With thousands of bodies, to look at all of them for each piece would be an
// attack of its own.
func TestTheCostliestBodyIsLookedForAmongAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		opened(t, &m, 1, 1<<20)
		time.Sleep(time.Second)
		for range 10 * sample {
			opened(t, &m, 1, 1<<20)
		}
		fresh, found := m.open(nil), 0
		for range 100 {
			if m.costliest(fresh, time.Now()) != fresh {
				found++
			}
		}
		if found > 60 {
			t.Errorf("got the costliest of %d bodies found %d times of 100, want about 10", 10*sample+1, found)
		}
	})
}

// On a busy machine a body takes its time to go. Until then it has been told to,
// and nobody else is left that could make room.
func TestABodyWaitsForRoomThatIsBeingMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		const most = 1000
		old, evicted := opened(t, &m, 900, most)
		time.Sleep(time.Second)
		took := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := m.take(t.Context(), m.open(nil), 200, most)
				took <- err
			}()
		}
		<-evicted.Done()
		synctest.Wait()
		if len(took) > 0 {
			t.Fatalf("got %v, want both to wait for what is going", <-took)
		}
		old.close()
		for range 2 {
			if err := <-took; err != nil {
				t.Errorf("got %v, want the room that was made", err)
			}
		}
	})
}

func TestABodyThatANodeHasMakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		kept, _ := opened(t, &m, 900, 1000)
		if err := m.keep(kept); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := m.take(t.Context(), m.open(nil), 200, 1000); !errors.Is(err, errBodies) {
			t.Errorf("got %v, want %v", err, errBodies)
		}
		kept.close()
	})
}

func TestABodyThatHasToMakeRoomReachesNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m bodies
		b, evicted := opened(t, &m, 900, 1000)
		time.Sleep(time.Second)
		gone, cancel := context.WithCancel(t.Context())
		cancel() // it does not wait
		if _, err := m.take(gone, m.open(nil), 200, 1000); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if _, err := b.reader().Read(make([]byte, 1)); evicted.Err() == nil || !errors.Is(err, errBodies) {
			t.Errorf("got %v and %v, want to be turned away, and %v", evicted.Err(), err, errBodies)
		}
		b.close()
	})
}

// readBody reads a body of this length out of from, which may be in chunks: -1.
func readBody(t *testing.T, m *bodies, from io.Reader, length int64, l Limits) (*body, error) {
	t.Helper()
	r := &http.Request{Body: io.NopCloser(from), ContentLength: length}
	ctx, cancel := context.WithCancelCause(t.Context())
	b := m.open(cancel)
	return b, b.read(ctx, httptest.NewRecorder(), r, l)
}

func TestABodyIsReadWhole(t *testing.T) {
	l := Limits{MaxBodyBytes: 200_000, MaxBodiesBytes: 1 << 20}
	for _, size := range []int{0, 1, 511, 512, 513, 1535, 1536, 1537, 100_000, 200_000} {
		text := strings.Repeat("fermata!", size/8+1)[:size]
		for _, length := range []int64{int64(size), -1} {
			var m bodies
			b, err := readBody(t, &m, strings.NewReader(text), length, l)
			if err != nil {
				t.Fatalf("%d of %d bytes: %v", size, length, err)
			}
			for range 2 { // no node has got it at the first try
				if got, err := io.ReadAll(b.reader()); err != nil || string(got) != text || b.size != int64(size) {
					t.Errorf("%d of %d bytes: got %d, %v", size, length, len(got), err)
				}
			}
			if length == int64(size) {
				wantHeld(t, &m, length)
			}
		}
	}
	if _, err := readBody(t, new(bodies), strings.NewReader(strings.Repeat("x", 200_001)), -1, l); !isTooLarge(err) {
		t.Errorf("one byte more: got %v, want a *http.MaxBytesError", err)
	}
}

func isTooLarge(err error) bool {
	var large *http.MaxBytesError
	return errors.As(err, &large)
}

// What a client says that it will send costs no memory.
func TestMemoryIsTakenForWhatHasCome(t *testing.T) {
	l := Limits{MaxBodyBytes: 1 << 20, MaxBodiesBytes: 64 << 20}
	for _, come := range []int64{0, 1, 1000, 100_000, 1<<20 - 1} {
		var m bodies
		b, err := readBody(t, &m, io.MultiReader(io.LimitReader(zeros{}, come), ends{}), 1<<20, l)
		if !errors.Is(err, io.ErrUnexpectedEOF) || b.size != come || b.held < come || b.held > 2*come+firstPiece {
			t.Errorf("%d bytes have come: got %d and %d held, %v, want them and no more than twice", come, b.size, b.held, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// ends is the end of a connection within a body.
type ends struct{}

func (ends) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestPiecesThatNoNodeHasGotAreUsedAgain(t *testing.T) {
	l := Limits{MaxBodyBytes: 1 << 20, MaxBodiesBytes: 1<<20 + 1}
	var m bodies
	kept, _ := opened(t, &m, 400_000, l.MaxBodiesBytes)
	b, err := readBody(t, &m, io.LimitReader(zeros{}, 500_000), 500_000, l)
	if err != nil {
		t.Fatal(err)
	}
	piece := &b.pieces[10][0]
	late := b.reader()
	b.close()
	if _, err := late.Read(make([]byte, 1)); !errors.Is(err, errBodies) {
		t.Errorf("the body behind its end: got %v, want %v", err, errBodies)
	}
	if got := len(m.idle); got < 10 || got*largestPiece > 400_000 {
		t.Errorf("got %d idle pieces, want those of the body, and no more than what is held", got)
	}
	again, err := readBody(t, &m, io.LimitReader(zeros{}, 500_000), 500_000, l)
	if err != nil || !slices.ContainsFunc(again.pieces, func(p []byte) bool { return &p[0] == piece }) {
		t.Errorf("got new pieces, %v, want the idle ones", err)
	}
	if n, err := again.reader().Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatal(err)
	}
	again.close()
	kept.close()
	if len(m.idle) != 0 || m.freedBytes() != 1_400_000 {
		t.Errorf("got %d idle pieces and %d bytes freed, want none, and all", len(m.idle), m.freedBytes())
	}
	wantHeld(t, &m, 0)
}

func TestIdlePiecesAreUsedToTheLastAndGoWhereBodiesNeedTheirRoom(t *testing.T) {
	const most = 4 * largestPiece
	f := func(size, wantIdle int) {
		t.Helper()
		m := bodies{idle: [][]byte{make([]byte, largestPiece)}}
		opened(t, &m, 2*largestPiece, most)
		opened(t, &m, size, most)
		if got := len(m.idle); got != wantIdle {
			t.Errorf("a piece of %d bytes: got %d idle pieces, want %d", size, got, wantIdle)
		}
	}
	f(512, 1)
	f(largestPiece, 0)
	f(largestPiece+1, 0)
}
