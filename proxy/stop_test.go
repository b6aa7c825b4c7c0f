package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

func TestClientsThatWaitForTheirTurnAtANodeAreSentOffAtOnceByAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(poolOf(1))
		h.engine, h.metrics = deadEnd{err: syscall.ECONNREFUSED}, metrics.New(prometheus.NewRegistry())
		asked := 0
		h.dialFailed = func(string, error) { asked++ }
		o := *h.options.Load()
		o.Limits = Limits{MaxClients: 10, MaxHeaderBytes: 1000, UpgradesPerSecond: 1}
		o.NoUsableNode = NoNode503
		h.SetOptions(o)
		if err := h.govern.wait(t.Context(), inTime(), h.pool.Nodes()[0].Node, o.Limits); err != nil { // the turn of this second
			t.Fatal(err)
		}
		var clients sync.WaitGroup
		answers := []*httptest.ResponseRecorder{httptest.NewRecorder(), httptest.NewRecorder(), httptest.NewRecorder()}
		for _, answer := range answers {
			clients.Go(func() { h.ServeHTTP(answer, read(t, strings.Split(goodUpgrade, "\n")...)) })
		}
		synctest.Wait()
		if now, _ := h.Clients(); now != 3 {
			t.Fatalf("got %d clients that wait, want 3", now)
		}
		began := time.Now()
		h.Stop(moves.Move{By: relay.ByShutdown, Code: 4100, Reason: "restarting"})
		clients.Wait()
		if took := time.Since(began); took >= time.Second || asked > 0 {
			t.Errorf("got them sent off after %v, and the node asked for %d of them, want in less than the second until the next turn, and for none", took, asked)
		}
		for _, answer := range answers {
			if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "restarting") {
				t.Errorf("got %d and %q, want 503 and that it is restarting", answer.Code, answer.Body)
			}
		}
		if now, _ := h.Clients(); now != 0 || h.pool.Nodes()[0].Connections != 0 {
			t.Errorf("got %d clients and %d at the node, want none", now, h.pool.Nodes()[0].Connections)
		}
	})
}

func TestAStopWaitsForAnswersToPlainRequestsAndForNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(poolOf(1))
		given := make(chan error, 1)
		answered := h.waitForNode(func(err error) { given <- err })
		began := time.Now()
		time.AfterFunc(time.Second, answered)
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h.Answered(bounded)
		if took := time.Since(began); took < time.Second || took > 2*time.Second || len(given) > 0 {
			t.Errorf("got no request left after %v, and %d given up, want a second and none", took, len(given))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(poolOf(1))
		given := make(chan error, 1)
		defer h.waitForNode(func(err error) { given <- err })()
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h.Answered(bounded)
		if err := <-given; !errors.Is(err, errStopping) {
			t.Errorf("got %v for a request without an answer, want %v", err, errStopping)
		}
	})
}
