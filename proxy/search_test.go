package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/internal/metrics"
)

// searching is a Handler whose clients find no node that lets them in, and its log.
func searching(t *testing.T, dial func(context.Context, string) (net.Conn, error)) (*Handler, *observer.ObservedLogs) {
	t.Helper()
	var all []balancer.NodeOptions
	for _, host := range []string{"192.0.2.1:80", "192.0.2.2:80"} {
		all = append(all, balancer.NodeOptions{Name: host, URL: balancer.URL{Host: host}, Weight: 1})
	}
	core, logs := observer.New(zap.DebugLevel)
	h := handlerOf(balancer.New(all, balancer.DefaultSticky()))
	h.log, h.metrics, h.engine = zap.New(core), metrics.New(prometheus.NewRegistry()), &hooked{dial: dial}
	h.change(func(o *Options) {
		o.Limits = DefaultLimits()
		o.Limits.MaxClients, o.NoUsableNode = 10, NoNode503
	})
	return h, logs
}

func TestTheLogSaysWhichNodesFailedAClientThatIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, logs := searching(t, func(context.Context, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED })
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, read(t, strings.Split(goodUpgrade, "\n")...))
		if got := logs.FilterMessage("node failed a client, trying the next").Len(); got != 2 {
			t.Errorf("got %d lines of nodes that failed, want one of each", got)
		}
		away := logs.FilterMessage("clients turned away").All()
		if answer.Code != http.StatusServiceUnavailable || len(away) != 1 {
			t.Fatalf("got %d and %d lines, want 503 and one", answer.Code, len(away))
		}
		said := away[0].ContextMap()
		if err, _ := said["err"].(string); said["tries"] != uint16(2) || !strings.Contains(err, "connection refused") {
			t.Errorf("got %v, want two tries, and why the last one failed", said)
		}
	})
}

func TestTheGovernorLearnsFromAnswersAndNotFromNodesThatCannotBeDialled(t *testing.T) {
	f := func(what string, wantAnswer bool, dial func(context.Context, string) (net.Conn, error)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			h, _ := searching(t, dial)
			h.ServeHTTP(httptest.NewRecorder(), read(t, strings.Split(goodUpgrade, "\n")...))
			for _, n := range h.pool.Nodes() {
				if got := h.govern.allowance(n.Node).answer; (got > 0) != wantAnswer {
					t.Errorf("%s: got the time %v that %s takes to answer, want some: %v", what, got, n.Name, wantAnswer)
				}
			}
		})
	}
	f("refused", false, func(context.Context, string) (net.Conn, error) {
		time.Sleep(time.Second)
		return nil, syscall.ECONNREFUSED
	})
	f("no", true, func(context.Context, string) (net.Conn, error) {
		ours, node := net.Pipe()
		go func() {
			defer node.Close()
			node.Read(make([]byte, 1))
			go io.Copy(io.Discard, node)
			time.Sleep(time.Second)
			io.WriteString(node, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
		}()
		return ours, nil
	})
}
