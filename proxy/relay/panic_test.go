package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// testPanics panics in the work for one relay while another one is there.
func testPanics(t *testing.T, l legs) {
	t.Run("APanicWhereANodeIsLostEndsItsClientAlone", func(t *testing.T) {
		others, r := l.startBesides(t, func(o *owner) {
			o.lost = func() Close { panic("no idea") }
		})
		r.node.Close()
		r.clientIsOver()
		if err := r.panicked(); err.Value != "no idea" || !bytes.Contains(err.Stack, []byte("NodeLost")) {
			t.Errorf("got %v at\n%s\nwant the panic and where it was", err, err.Stack)
		}
		var err *PanicError
		if end := <-r.ended; end.By != ByInternalError || !errors.As(end.Err, &err) {
			t.Errorf("got end %+v, want one by %q with the panic", end, ByInternalError)
		}
		others.echo()
	})
	t.Run("APanicAtARelaysEndEndsNoOther", func(t *testing.T) {
		others, r := l.startBesides(t, func(o *owner) { o.end = func(End) { panic("miscounted") } })
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		if err := r.panicked(); err.Value != "miscounted" {
			t.Errorf("got %v, want the panic", err)
		}
		others.echo()
	})
	t.Run("APanicThatNobodyCanBeToldOfEndsNoOther", func(t *testing.T) {
		others, r := l.startBesides(t, func(o *owner) {
			o.lost = func() Close { panic("no idea") }
			o.panicked = make(chan *PanicError)
			close(o.panicked)
		})
		r.node.Close()
		r.clientIsOver()
		<-r.ended
		others.echo()
	})
}

// testPanicInTLS has crypto/tls panic where it makes a record.
func testPanicInTLS(t *testing.T, engine Engine) {
	broken := &brokenRandom{}
	config := tlsConfig(t)
	config.MaxVersion, config.Rand = tls.VersionTLS12, broken
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA} // with a random IV for each record
	same := func() Engine { return engine }
	other := legs{newEngine: same, tls: tlsConfig(t)}.start(t, nil)
	r := legs{newEngine: same, tls: config}.start(t, func(p *Pair) {
		p.Owner.(*owner).panicked = make(chan *PanicError, 9)
	})
	t.Cleanup(rigs{other, r}.close) // before anybody waits for the engine
	broken.now.Store(true)
	r.nodeSends(text(unmasked, "this makes a record"))
	r.clientIsOver()
	r.node.Close()
	if err := r.panicked(); !bytes.Contains(err.Stack, []byte("crypto/tls")) {
		t.Errorf("got %v at\n%s\nwant it in crypto/tls", err, err.Stack)
	}
	if end := <-r.ended; end.By != ByInternalError {
		t.Errorf("got end %+v, want one by %q", end, ByInternalError)
	}
	other.echoes()
}

// brokenRandom panics once it is told to.
type brokenRandom struct{ now atomic.Bool }

func (b *brokenRandom) Read(p []byte) (int, error) {
	if b.now.Load() {
		panic("no randomness")
	}
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// startBesides starts a relay whose owner panics, and one more on each shard.
func (l legs) startBesides(t *testing.T, panics func(*owner)) (others rigs, r *rig) {
	engine := l.newEngine()
	same := legs{newEngine: func() Engine { return engine }, tls: l.tls}
	others = rigs{same.start(t, nil), same.start(t, nil)}
	r = same.start(t, func(p *Pair) {
		o := p.Owner.(*owner)
		o.panicked = make(chan *PanicError, 9)
		panics(o)
	})
	t.Cleanup(append(rigs{r}, others...).close) // before anybody waits for the engine
	return others, r
}

// panicked is what the relay's owner was told.
func (r *rig) panicked() *PanicError {
	r.t.Helper()
	return r.toldOf(r.pair.Owner.(*owner).panicked)
}

func (r *rig) toldOf(panics <-chan *PanicError) *PanicError {
	r.t.Helper()
	select {
	case err := <-panics:
		return err
	case <-time.After(patience):
		r.t.Fatal("the owner was told of no panic")
		return nil
	}
}

// echoes wants a relay to work, from one end to the other and back.
func (r *rig) echoes() {
	r.t.Helper()
	r.clientSends(text(masked, "still there?"))
	r.nodeGets(text(masked, "still there?"))
	r.nodeSends(text(unmasked, "yes"))
	r.clientGets(text(unmasked, "yes"))
}

type rigs []*rig

func (all rigs) echo() {
	for _, r := range all {
		r.echoes()
	}
}

func (all rigs) close() {
	for _, r := range all {
		r.client.Close()
		r.node.Close()
	}
}
