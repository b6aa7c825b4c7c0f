package app

import (
	"errors"
	"net/netip"
	"testing"

	"fermata/balancer"
	"fermata/internal/names"
)

func TestOnlyNodesThatWereFoundAreToldAsFoundAndGone(t *testing.T) {
	t.Parallel()
	a, logs := watched(t)
	node := func(name string) balancer.NodeOptions {
		return balancer.NodeOptions{Name: name, URL: balancer.URL{Host: name + ":8080"}}
	}
	a.joined.Store(&joined{
		nodes:   []balancer.NodeOptions{node("fixed"), node("fixed-stays"), node("pod-1"), node("pod-stays")},
		origins: map[string]string{"fixed": "", "fixed-stays": "", "pod-1": "dns pods", "pod-stays": "dns pods"},
	})
	a.noteFound(joined{
		nodes:   []balancer.NodeOptions{node("fixed-stays"), node("fixed-new"), node("pod-stays"), node("pod-2")},
		origins: map[string]string{"fixed-stays": "", "fixed-new": "", "pod-stays": "dns pods", "pod-2": "dns pods"},
	})
	if got := linesOf(logs, "node found", "reason"); got != "pod-2:8080, by dns pods" {
		t.Errorf("got %q found, want pod-2 alone", got)
	}
	if got := linesOf(logs, "node gone", "node"); got != "pod-1" {
		t.Errorf("got %q gone, want pod-1 alone: a reload tells of those of the configuration", got)
	}
}

func TestOnlyALookUpThatFailsIsWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = "node's name not found, what is known of its addresses stays"
	a, logs := watched(t)
	at := target{host: "reverb.test", port: 8080}
	a.found("a", at, names.Answer{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Changed: true})
	if got := logs.FilterMessage(warning).Len(); got != 0 {
		t.Errorf("got %d warnings of a name that was found, want none", got)
	}
	a.found("a", at, names.Answer{Err: errors.New("no such host")})
	if got := linesOf(logs, warning, "name"); got != "reverb.test" {
		t.Errorf("got a warning of %q, want it of the name that was not found", got)
	}
}

func TestAFermataAloneTellsNobodyWhereItsClientsAre(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	if a.announcer(nil) != nil {
		t.Error("got somebody to tell, want nobody without a cluster")
	}
	if !a.clusterMetrics().RedisUp() {
		t.Error("got Redis down, want it up until it could not be reached")
	}
}
