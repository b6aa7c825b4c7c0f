package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"fermata/balancer"
	"fermata/internal/metrics"
	"fermata/internal/shortage"
	"fermata/proxy/relay"
)

func TestADialThatFailsByOurOwnFaultIsNotTheNodes(t *testing.T) {
	check := func(cause error, want int, resource string) {
		t.Helper()
		told, registry := 0, prometheus.NewRegistry()
		h := handlerOf(balancer.New([]balancer.NodeOptions{{Name: "a", URL: balancer.URL{Host: "127.0.0.1:9"}}}, balancer.DefaultSticky()))
		h.dialFailed, h.metrics = func(string, error) { told++ }, metrics.New(registry)
		h.engine = deadEnd{err: cause}
		var failed *dialError
		_, err := h.dial(t.Context(), inTime(), h.pool.Nodes()[0].Node, h.options.Load().Timeouts)
		if !errors.As(err, &failed) || !errors.Is(err, cause) {
			t.Errorf("got %v, want a dial error of %v", err, cause)
		}
		if told != want {
			t.Errorf("%v: told the check %d times, want %d", cause, told, want)
		}
		for _, each := range shortage.Resources {
			want := 0
			if each == resource {
				want = 1
			}
			wantMetric(t, registry, fmt.Sprintf("fermata_dial_shortages_total{resource=%q} %d\n", each, want))
		}
	}
	check(syscall.ECONNREFUSED, 1, "")
	check(syscall.EHOSTUNREACH, 1, "")
	check(syscall.EMFILE, 0, shortage.Files)
	check(syscall.ENFILE, 0, shortage.Files)
	check(syscall.ENOBUFS, 0, shortage.Memory)
	check(syscall.ENOMEM, 0, shortage.Memory)
	check(syscall.EADDRNOTAVAIL, 0, shortage.Ports)
}

// deadEnd dials nobody.
type deadEnd struct {
	relay.Engine
	err error
}

func (d deadEnd) Dial(context.Context, string) (net.Conn, error) { return nil, d.err }

// wantMetric looks for a line in what Prometheus reads.
func wantMetric(t *testing.T, registry prometheus.Gatherer, line string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		expfmt.MetricFamilyToText(&text, family)
	}
	if !strings.Contains(text.String(), line) {
		t.Errorf("want the metric %sin\n%s", line, text.String())
	}
}

func TestAClientThatLeavesWhileDiallingIsNotTheNodesFault(t *testing.T) {
	told := 0
	h := handlerOf(poolOf(1))
	h.dialFailed = func(string, error) { told++ }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.dial(ctx, inTime(), h.pool.Nodes()[0].Node, h.options.Load().Timeouts); err == nil || told != 0 {
		t.Errorf("got %v, told %d times, want an error and 0", err, told)
	}
}

// Neither the node's silence nor its end is what ended this handshake.
func TestAClientThatLeavesDuringTheHandshakeIsCountedAsGone(t *testing.T) {
	ours, nodes := net.Pipe()
	defer ours.Close()
	defer nodes.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r := read(t, "GET / HTTP/1.1", "Host: a")
	go func() {
		nodes.Read(make([]byte, 1))
		cancel()
	}()
	_, err := asking(r, time.Minute).exchange(ctx, ours)
	if got := result(nil, err); got != "client_gone" {
		t.Errorf("got %s (%v), want client_gone", got, err)
	}
}

// asking is a client that asks, and gives a node so long for its answer.
func asking(r *http.Request, answer time.Duration) *upgrade {
	c := &client{options: &Options{Timeouts: Timeouts{Answer: answer}}}
	return &upgrade{client: c, r: r, head: []byte("x"), by: inTime()}
}
