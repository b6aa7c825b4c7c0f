package relay

import (
	"errors"
	"io"
	"testing"
	"time"
)

func testStalls(t *testing.T, l legs) {
	t.Run("AClientThatReadsNothingIsCut", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Stall = 50 * time.Millisecond })
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			io.Copy(r.node, endless{binaryOf(unmasked, bufferSize)})
		}()
		if end := r.wantEnd(ByTimeout, 0); end.Err == nil {
			t.Error("got no error, want the timeout")
		}
		<-streamed
	})
	t.Run("AClientWhoseNodeReadsNothingIsClosed", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Stall = 50 * time.Millisecond })
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			io.Copy(r.client, endless{binaryOf(masked, bufferSize)})
		}()
		r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.client.Close()
		r.node.Close()
		<-streamed
		r.wantEnd(ByTimeout, lostClose.Code)
	})
}

// endless reads as the same frame again and again.
type endless struct{ frame []byte }

func (e endless) Read([]byte) (int, error) { return 0, errors.New("endless is copied by WriteTo") }

func (e endless) WriteTo(w io.Writer) (n int64, err error) {
	for {
		if _, err := w.Write(e.frame); err != nil {
			return n, err
		}
	}
}

func testIdle(t *testing.T, l legs) {
	t.Run("AnIdleClientIsClosed", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Idle = 50 * time.Millisecond })
		r.clientAnswers(idleClose.Code, idleClose.Reason)
		r.node.Close()
		if end := r.wantEnd(ByTimeout, idleClose.Code); end.Err == nil {
			t.Error("got no error, want one that says that nothing has passed")
		}
	})
}
