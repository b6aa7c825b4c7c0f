package console

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reader is a writer's other side: what it is given it keeps, unless it is
// stopped, or gone.
type reader struct {
	stopped sync.Mutex // held while it is

	mu   sync.Mutex
	text strings.Builder
	err  error // of every write
}

func (r *reader) Write(p []byte) (int, error) {
	r.stopped.Lock()
	defer r.stopped.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	return r.text.Write(p)
}

func (r *reader) leave(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

// told makes a drop a line, as the log does.
func told(q *Queue) { q.OnDrop(func(count int) { fmt.Fprintf(q, "dropped %d\n", count) }) }

// closeToTheEnd waits for lines that a slow machine takes longer for than Close waits.
func closeToTheEnd(q *Queue) {
	q.Close()
	<-q.done
}

func TestLinesComeOutWholeAndInOrder(t *testing.T) {
	var r reader
	q := StartQueue(&r)
	line := []byte("          \n")
	for i := range 20_000 {
		copy(line, fmt.Sprintf("%010d", i))
		q.Write(line) // whose buffer is used again
	}
	closeToTheEnd(q)
	got := r.lines()
	if len(got) != 20_000 || q.Dropped() != 0 {
		t.Fatalf("got %d lines and %d dropped, want 20000 and none", len(got), q.Dropped())
	}
	for i, line := range got {
		if line != fmt.Sprintf("%010d", i) {
			t.Fatalf("line %d: got %q", i, line)
		}
	}
}

func TestWhoeverLogsDoesNotWaitForAReaderThatIsStopped(t *testing.T) {
	var r reader
	q := StartQueue(&r)
	told(q)
	r.stopped.Lock()
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	const written = 20
	for range written {
		q.Write(line)
	}
	const fit = mostQueued / (1 << 20)
	if got := q.Dropped(); got != written-fit {
		t.Errorf("got %d lines dropped, want %d", got, written-fit)
	}
	r.stopped.Unlock()
	closeToTheEnd(q)
	got := r.lines()
	if want := fmt.Sprintf("dropped %d", written-fit); len(got) != fit+1 || !strings.Contains(strings.Join(got, "\n"), want) {
		t.Errorf("got %d lines, want %d and %q", len(got), fit, want)
	}
}

func TestLinesThatCannotBeWrittenAreCountedAndToldOnceTheyCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reader
		q := StartQueue(&r)
		told(q)
		r.leave(errors.New("broken pipe"))
		for range 3 {
			io.WriteString(q, "lost\n")
			synctest.Wait()
		}
		r.leave(nil)
		io.WriteString(q, "seen\n")
		synctest.Wait()
		io.WriteString(q, "and seen\n")
		q.Close()
		if got, want := r.lines(), []string{"seen", "dropped 3", "and seen"}; !equal(got, want) || q.Dropped() != 3 {
			t.Errorf("got %q and %d dropped, want %q and 3", got, q.Dropped(), want)
		}
	})
}

func TestHalfALineOnAFullDiskSpoilsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &disk{room: 8}
		q := StartQueue(disk)
		for range 2 {
			io.WriteString(q, "12345\n")
			synctest.Wait()
		}
		disk.room = 100
		io.WriteString(q, "67890\n")
		q.Close()
		if got, want := disk.text.String(), "12345\n12\n67890\n"; got != want || q.Dropped() != 1 {
			t.Errorf("got %q and %d dropped, want %q and 1", got, q.Dropped(), want)
		}
	})
}

// disk takes so many bytes.
type disk struct {
	text strings.Builder
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room-d.text.Len())
	d.text.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestAReaderThatIsStoppedHoldsUpTheEndForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		q := StartQueue(to)
		io.WriteString(q, "never read\n")
		began := time.Now()
		q.Close()
		if took := time.Since(began); took > stuck {
			t.Errorf("got %s, want at most %s", took, stuck)
		}
		io.WriteString(q, "too late to wait for\n")
		from.Close()
		<-q.done
	})
}

func TestAReaderThatIsSlowGetsTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reader
		q := StartQueue(slow{&r})
		for range 8 {
			io.WriteString(q, strings.Repeat("x", pieceSize-1)+"\n")
		}
		q.Close()
		if got := len(r.lines()); got != 8 {
			t.Errorf("got %d lines, want 8", got)
		}
	})
}

type slow struct{ to io.Writer }

func (s slow) Write(p []byte) (int, error) {
	<-time.After(stuck / 2)
	return s.to.Write(p)
}

func TestAReaderThatIsTooSlowIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := StartQueue(slow{io.Discard})
		for range 40 {
			io.WriteString(q, strings.Repeat("x", pieceSize-1)+"\n")
		}
		began := time.Now()
		q.Close()
		if took := time.Since(began); took != lastWait {
			t.Errorf("got %s, want %s", took, lastWait)
		}
		<-q.done
	})
}
