package relay

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestALoopThatIsHeldUpDoesNotGoRound(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	r := legs{newEngine: newBest}.start(t, func(p *Pair) {
		loses(p, func() Close {
			close(held)
			<-release
			return lostClose
		})
	})
	goesRound(t, r.engine)
	r.node.Close()
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.engine.Round(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
	close(release)
	goesRound(t, r.engine)
	r.client.Close()
	r.end()
}

func TestAnEngineAtRestGoesRoundWithoutADescriptor(t *testing.T) {
	if !alone(t) {
		return
	}
	engine, before := newBest(), openFiles()
	goesRound(t, engine)
	if after := openFiles(); after != before {
		t.Errorf("got %d open files, want %d", after, before)
	}
	engine.Wait()
}

func goesRound(t *testing.T, e Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := e.Round(ctx); err != nil {
		t.Error(err)
	}
}
