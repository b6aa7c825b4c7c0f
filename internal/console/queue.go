package console

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"time"
)

const (
	// mostQueued is how many bytes of lines wait to be written at the most:
	// those of some 20,000 clients.
	mostQueued = 8 << 20
	// pieceSize is how much is written at once, unless a line is longer.
	pieceSize = 64 << 10

	// stuck is how long Close waits for one piece to be written, and lastWait
	// for all of them.
	stuck    = 100 * time.Millisecond
	lastWait = 500 * time.Millisecond
	// waitStep is how finely these are counted, in steps that Close has seen pass: a
	// machine that is too busy to run us cuts off no line.
	waitStep = 10 * time.Millisecond
)

// Queue takes lines without ever waiting, and writes them on a goroutine of its
// own, as whoever logs must not be held up by whoever reads. Lines that do not
// fit, and those that cannot be written, are dropped and counted. It is a
// zapcore.WriteSyncer whose methods never err, and may be called concurrently.
type Queue struct {
	w        io.Writer
	progress chan struct{} // has one when a piece has been written
	done     chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	arrived sync.Cond // there are pieces, or it is closed
	pieces  [][]byte  // whole lines, the oldest first
	spare   []byte    // the buffer of a piece that has been written
	queued  int       // bytes, those that are being written with them
	dropped int64     // lines
	untold  int       // of these
	tell    func(count int)
	closed  bool
	ended   bool // the goroutine has, or is about to
}

// StartQueue starts a Queue that writes to w. Whoever has started it closes it.
func StartQueue(w io.Writer) *Queue {
	q := &Queue{w: w, progress: make(chan struct{}, 1), done: make(chan struct{})}
	q.arrived.L = &q.mu
	go q.run()
	return q
}

// OnDrop has tell called, on the Queue's goroutine, once lines fit again after
// some were dropped, with their number. It may write a line about that.
func (q *Queue) OnDrop(tell func(count int)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tell = tell
}

// Dropped is how many lines have been dropped.
func (q *Queue) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Coloured is whether colours belong into the lines.
func (q *Queue) Coloured() bool { return Coloured(q.w) }

// Write copies a line, or several whole ones. It does not wait.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || q.queued+len(line) > mostQueued {
		q.drop(line)
		return len(line), nil
	}
	q.queued += len(line)
	if last := len(q.pieces) - 1; last >= 0 && len(q.pieces[last])+len(line) <= pieceSize {
		q.pieces[last] = append(q.pieces[last], line...)
		return len(line), nil
	}
	q.pieces = append(q.pieces, append(q.spare, line...))
	q.spare = nil
	q.arrived.Signal()
	return len(line), nil
}

// drop counts lines that are lost. mu is held.
func (q *Queue) drop(lines []byte) {
	count := bytes.Count(lines, []byte("\n"))
	q.dropped += int64(count)
	q.untold += count
}

// Sync implements zapcore.WriteSyncer. It does nothing: it would have to wait.
func (q *Queue) Sync() error { return nil }

// Close returns when all lines have been written, or when that takes too long;
// the goroutine then goes on with it. Lines that come when it has ended are
// dropped.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.arrived.Signal()
	q.mu.Unlock()
	step := time.NewTicker(waitStep)
	defer step.Stop()
	for all, piece := time.Duration(0), time.Duration(0); all < lastWait && piece < stuck; {
		select {
		case <-q.done:
			return
		case <-q.progress:
			piece = 0
		case <-step.C:
			all, piece = all+waitStep, piece+waitStep
		}
	}
}

func (q *Queue) run() {
	defer close(q.done)
	for torn := false; ; {
		piece, ok := q.next()
		if !ok {
			return
		}
		if torn { // a full disk takes half a line; the next one must not go on with that
			io.WriteString(q.w, "\n")
		}
		written, err := q.w.Write(piece)
		torn = written > 0 && piece[written-1] != '\n' || torn && written == 0
		q.wrote(piece, written, err)
	}
}

// next waits for a piece; false: the Queue is closed, and there is none.
func (q *Queue) next() (piece []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pieces) == 0 && !q.closed {
		q.arrived.Wait()
	}
	if len(q.pieces) == 0 {
		q.ended = true
		return nil, false
	}
	piece = q.pieces[0]
	q.pieces = slices.Delete(q.pieces, 0, 1)
	return piece, true
}

// wrote notes what has become of a piece. An error is not logged, since it is
// the log that does not work.
func (q *Queue) wrote(piece []byte, written int, err error) {
	q.mu.Lock()
	q.queued -= len(piece)
	q.spare = piece[:0]
	if err != nil {
		q.drop(piece[written:])
	}
	tell, untold := q.tell, q.untold
	again := err == nil && untold > 0 && q.queued <= mostQueued/2
	if again {
		q.untold = 0
	}
	q.mu.Unlock()
	if again && tell != nil {
		tell(untold)
	}
	select {
	case q.progress <- struct{}{}:
	default: // Close has still to see the last one
	}
}
