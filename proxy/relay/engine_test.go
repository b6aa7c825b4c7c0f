package relay

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"
)

// testEngine is what every engine must pass: over TCP, with TLS to the client, and
// with TLS to both.
func testEngine(t *testing.T, newEngine func() Engine) {
	t.Parallel() // most of it waits
	for name, l := range layouts(t, newEngine) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSuites(t, l)
		})
	}
}

func testSuites(t *testing.T, l legs) {
	for _, suite := range []func(*testing.T, legs){
		testPassing, testPeers, testConnClose, testNodeLost, testLastWords, testHeld, testClosing, testMalformed, testAnswers, testProgress, testStalls, testIdle, testPings, testPanics, testEngineState,
	} {
		suite(t, l)
	}
}

// layouts are the legs that relays can have.
func layouts(t testing.TB, newEngine func() Engine) map[string]legs {
	t.Helper()
	config := tlsConfig(t)
	config.CurvePreferences = []tls.CurveID{tls.X25519} // costs least
	return map[string]legs{
		"TCP":         {newEngine: newEngine},
		"TLS":         {newEngine: newEngine, tls: config},
		"TLS to both": {newEngine: newEngine, tls: config, nodeTLS: config},
	}
}

func testEngineState(t *testing.T, l legs) {
	t.Run("TotalsGrowWhileARelayRuns", func(t *testing.T) {
		counts := new(Counts)
		r := l.start(t, func(p *Pair) { p.Counts = counts })
		up, down := text(masked, "up"), text(unmasked, "down")
		r.clientSends(up)
		r.nodeGets(up)
		r.nodeSends(down, down)
		r.clientGets(down, down)
		want := Totals{
			BytesToNode: int64(len(up)), BytesToClient: int64(2 * len(down)),
			MessagesToNode: 1, MessagesToClient: 2,
		}
		waitFor(t, func() bool { return r.engine.Totals() == want && counts.Totals() == want }, func() string {
			return fmt.Sprintf("got totals %+v and the pair's %+v, want %+v", r.engine.Totals(), counts.Totals(), want)
		})
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		end := r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if end.BytesToClient != want.BytesToClient || end.MessagesToClient != 2 || end.MessagesToNode != 1 {
			t.Errorf("got end %+v, want the counts of %+v", end, want)
		}
	})
	t.Run("ManyRelaysEndWithoutAFileLeft", func(t *testing.T) {
		if !alone(t) {
			return
		}
		engine := l.newEngine()
		shared := legs{newEngine: func() Engine { return engine }, tls: l.tls, nodeTLS: l.nodeTLS}
		before := openFiles()
		var rigs []*rig
		for range l.fewer(20) {
			rigs = append(rigs, shared.start(t, nil))
		}
		for i, r := range rigs {
			r.nodeSends(text(unmasked, strings.Repeat("x", i)))
			r.clientGets(text(unmasked, strings.Repeat("x", i)))
			r.conn.Close(Close{Code: 4200, By: ByShutdown})
		}
		for _, r := range rigs {
			r.clientAnswers(4200, "")
			r.client.Close()
			r.node.Close()
		}
		engine.Wait()
		if after := openFiles(); after != before {
			t.Errorf("got %d open files, want %d as before", after, before)
		}
	})
	t.Run("WaitReturnsAtOnceWithoutARelay", func(t *testing.T) {
		l.newEngine().Wait()
	})
}

// waitFor returns once ok is true.
func waitFor(t *testing.T, ok func() bool, message func() string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(message())
		}
	}
}
