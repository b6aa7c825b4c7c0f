package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/discover"
	"fermata/internal/names"
	"fermata/proxy/session"
)

// metricsOf is what Prometheus reads.
func metricsOf(t *testing.T, a *App) string {
	t.Helper()
	families, err := a.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		expfmt.MetricFamilyToText(&text, family)
	}
	return text.String()
}

func TestWhatAChecksTimeShowsIsCountedAndWhatAClientMetIsNot(t *testing.T) {
	a, _ := resting(t)
	a.running = t.Context()
	wants := func(what string, checks, loops int) {
		t.Helper()
		text := metricsOf(t, a)
		for name, want := range map[string]int{"health_check": checks, "node_loop": loops} {
			line := fmt.Sprintf("fermata_%s_seconds_count{node=\"a\"} %d\n", name, want)
			if got := strings.Contains(text, line); got != (want > 0) && want > 0 || want == 0 && strings.Contains(text, "fermata_"+name+"_seconds_count{node=\"a\"}") {
				t.Errorf("%s: want %d of %s", what, want, name)
			}
		}
	}
	a.checked("a", health.Result{Up: true, Reason: "failed 1 of 2: dial refused"})
	wants("a client's dial", 0, 0)
	a.checked("a", health.Result{Up: true, Passed: true, Reason: "connected", Took: time.Millisecond})
	wants("a connect", 1, 0)
	a.checked("a", health.Result{Up: true, Passed: true, Reason: "pong", Took: time.Hour, Loop: time.Millisecond})
	wants("a pong", 2, 1)
	n, err := a.pool.Node("a")
	if age := time.Since(n.Checked); err != nil || age < time.Hour || age > time.Hour+time.Minute {
		t.Errorf("got a check that began %v ago, want an hour, for which it took", age)
	}
}

func TestACheckThatStaysGoesOnUndisturbed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newChecks(func(string, health.Result) {}, func(string, target, names.Answer) {})
	defer c.wg.Wait()
	defer cancel()
	nodes := twoNodes("").Nodes
	of := func(o health.Options) *check {
		c.set(ctx, []balancer.NodeOptions{nodes[0].NodeOptions}, o)
		return c.running["a"]
	}
	o := health.Default()
	first := of(o)
	if of(o) != first {
		t.Error("got another check of the same node, want that of before")
	}
	o.Interval *= 2
	second := of(o)
	if second == first {
		t.Error("got the check of before with other options, want another")
	}
	nodes[0].URL.Host = "127.0.0.3:9"
	if of(o) == second {
		t.Error("got the check of another address, want another")
	}
}

func TestTheDeliveryIsCheckedAsTheAppOfTheOtherChecks(t *testing.T) {
	f := func(key, want string, apps ...session.App) {
		t.Helper()
		c := config.Default()
		c.Apps, c.Health.Reverb.AppKey = apps, key
		if got := deliveryApp(c).ID; got != want {
			t.Errorf("with the key %q: got the app %q, want %q", key, got, want)
		}
	}
	one, two := session.App{ID: "1", Key: "one"}, session.App{ID: "2", Key: "two"}
	f("", "")
	f("two", "2", one, two)
	f("one", "1", one, two)
	f("unknown", "1", one, two)
}

func TestTheSearchForNodesSpeaksWhenSomethingBeginsOrEnds(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	log := zap.New(core)
	const lost, again, many = "nodes not found, those that are known stay", "nodes are found again", "too many nodes found, the others are refused"
	refused := discover.Report{Nodes: 2}
	refused.Refused = 3
	fine := discover.Report{Nodes: 2}
	fails := func(why string) discover.Report { return discover.Report{Nodes: 2, Err: errors.New(why)} }
	f := func(kind string, wantFailures int64, reports []discover.Report, want ...string) {
		t.Helper()
		found := &finding{source: discover.Source{Kind: kind}}
		for _, r := range reports {
			found.note(log, r)
		}
		var got []string
		for _, line := range logs.TakeAll() {
			got = append(got, line.Message)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || found.failures.Load() != wantFailures {
			t.Errorf("%s: got %q and %d failures, want %q and %d", kind, got, found.failures.Load(), want, wantFailures)
		}
	}
	f(discover.DNS, 0, []discover.Report{fine, fine})
	f(discover.DNS, 2, []discover.Report{fails("a"), fails("b"), fine, fine}, lost, again)
	f(discover.DNS, 2, []discover.Report{fails("a"), fine, fails("a")}, lost, again, lost)
	f(discover.File, 4, []discover.Report{fails("a"), fails("a"), fails("a"), fails("b"), fine}, lost, lost, again)
	f(discover.DNS, 0, []discover.Report{refused, refused, fine, refused}, many, many)
	f(discover.DNS, 1, []discover.Report{refused, fails("a"), refused}, many, lost, again)
}

func TestALookUpThatFailsIsNamedAndChangesNothing(t *testing.T) {
	a, _ := resting(t)
	core, logs := observer.New(zap.WarnLevel)
	a.log = zap.New(core)
	n, err := a.pool.Node("a")
	if err != nil {
		t.Fatal(err)
	}
	before := a.pool.Addresses(n.Node)
	for range 2 {
		a.found("a", target{host: "reverb.test", port: 80}, names.Answer{})
	}
	if got := logs.Len(); got != 0 {
		t.Errorf("got %d lines of look-ups that have worked, want none", got)
	}
	a.found("a", target{host: "reverb.test", port: 80}, names.Answer{Err: errors.New("no such host")})
	if got := logs.Len(); got != 1 {
		t.Errorf("got %d lines, want one of the look-up that has failed", got)
	}
	if got := a.pool.Addresses(n.Node); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("got the addresses %v, want %v as before", got, before)
	}
	text := metricsOf(t, a)
	for _, line := range []string{`lookups_total{result="failed"} 1`, `lookups_total{result="ok"} 2`} {
		if !strings.Contains(text, line) {
			t.Errorf("got no %s in the metrics", line)
		}
	}
}

func TestASearchThatStaysGoesOnAndOneOfAnotherPlaceIsAnother(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := newDiscovery(zap.NewNop(), func(discover.Report) {})
	defer d.wait()
	defer cancel()
	dir := t.TempDir()
	in := func(file string) *finding {
		e := config.Node{NodeOptions: balancer.NodeOptions{Name: "reverb"}, Source: discover.Source{Kind: discover.File, File: dir + file, Every: time.Hour}}
		d.add(ctx, []config.Node{e})
		return d.running["reverb"]
	}
	first := in("/one")
	if in("/one") != first {
		t.Error("got another search in the same file, want that of before")
	}
	if in("/two") == first {
		t.Error("got the search of before in another file, want another")
	}
	d.keep(nil)
	if len(d.running) != 0 {
		t.Errorf("got %d searches that nobody needs, want none", len(d.running))
	}
}

func TestThePoolsErrorsMeanWhatTheAPIKnows(t *testing.T) {
	known := []error{admin.ErrUnknownNode, admin.ErrAway, admin.ErrRefused}
	f := func(err, want error) {
		t.Helper()
		got := controlError(fmt.Errorf("drain node a: %w", err))
		for _, other := range known {
			if errors.Is(got, other) != (other == want) {
				t.Errorf("%v: got that it is %v: %v, want %v", err, other, errors.Is(got, other), other == want)
			}
		}
		if !errors.Is(got, err) && want == nil || !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("got %v, want the words of %v", got, err)
		}
	}
	f(balancer.ErrUnknownNode, admin.ErrUnknownNode)
	f(cluster.ErrAway, admin.ErrAway)
	f(balancer.ErrLastNode, admin.ErrRefused)
	f(balancer.ErrTooFewNodes, admin.ErrRefused)
	f(balancer.ErrNoRoom, admin.ErrRefused)
	f(errors.New("else"), nil)
}

func TestOnlyADrainWhoseNodeIsNotThereWaitsForIt(t *testing.T) {
	a, _ := resting(t)
	drained := cluster.Decision{Drain: new(balancer.Drain)}
	v := cluster.View{State: cluster.State{Nodes: map[string]cluster.Decision{"a": drained, "b": {}, "gone": drained, "gone and undrained": {}}}}
	now := time.Now()
	a.noteMissing(v, now)
	a.noteMissing(v, now.Add(time.Minute))
	if since, is := a.missing["gone"]; !is || !since.Equal(now) || len(a.missing) != 1 {
		t.Errorf("got %v missing, want gone alone, since it was first missed", a.missing)
	}
}
