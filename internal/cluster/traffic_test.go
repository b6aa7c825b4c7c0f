package cluster

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"fermata/internal/lab/redisserver"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// traffic is what a Redis has done so far.
type traffic struct {
	calls   map[string]int // by command
	in, out int            // bytes
}

func trafficOf(t *testing.T, client redis.UniversalClient) traffic {
	t.Helper()
	info := func(section string) string {
		t.Helper()
		text, err := client.Info(t.Context(), section).Result()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	sum := traffic{calls: map[string]int{}}
	for line := range strings.Lines(info("commandstats")) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		calls, _, _ := strings.Cut(rest, ",")
		sum.calls[name], _ = strconv.Atoi(calls)
	}
	for line := range strings.Lines(info("stats")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch number, _ := strconv.Atoi(value); name {
		case "total_net_input_bytes":
			sum.in = number
		case "total_net_output_bytes":
			sum.out = number
		}
	}
	return sum
}

// since is what was done between two, but for what the test itself asked.
func (t traffic) since(before traffic) map[string]int {
	done := map[string]int{}
	for name, calls := range t.calls {
		if n := calls - before.calls[name]; n > 0 && name != "info" && name != "hello" && !strings.HasPrefix(name, "client") {
			done[name] = n
		}
	}
	return done
}

// meeting are members in a real Redis; beats gets one for each beat of any.
func meeting(t *testing.T, url string, limit int, beats chan<- *process, names ...string) (all []*process) {
	t.Helper()
	for _, name := range names {
		store, err := OpenRedis(options(url))
		if err != nil {
			t.Fatal(err)
		}
		p := &process{pool: newPool(limit, "r1", "r2", "r3", "r4", "r5"), done: make(chan struct{})}
		ctx, stop := context.WithCancel(context.Background())
		o := options(url)
		o.Member, p.stop = name, stop
		p.Member = New(o, Deps{Store: store, Report: p.pool.report, Lower: p.pool.setQuota, Log: zap.NewNop(), Changed: func(v View) {
			p.pool.changed(v)
			select {
			case beats <- p:
			case <-ctx.Done():
			}
		}})
		go func() { defer close(p.done); p.Run(ctx) }()
		t.Cleanup(p.end)
		all = append(all, p)
	}
	return all
}

func TestAtRestTheTrafficIsSixCommandsABeatWhateverTheClients(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	server := redisserver.New(t, redisserver.Options{})
	url := "redis://" + server.Address()
	client, beats := openRedis(t, url).Client(), make(chan *process)
	atRest := func(clients int) {
		t.Helper()
		all := meeting(t, url, 950, beats, "a", "b", "c")
		for _, p := range all {
			p.pool.has("r1", clients)
		}
		await(beats, 30) // until quotas are settled
		before := trafficOf(t, client)
		await(beats, 24)
		after := trafficOf(t, client)
		done := after.since(before)
		for _, command := range []string{"multi", "hset", "hgetall", "get", "time", "exec"} {
			if got := done[command]; got < 20 || got > 28 {
				t.Errorf("with %d clients: got %d of %s in 24 beats, want one for each", clients, got, command)
			}
			delete(done, command)
		}
		if len(done) > 0 {
			t.Errorf("with %d clients: got %v, too, want nothing else", clients, done)
		}
		t.Logf("%d clients, three members, five nodes: %d bytes to Redis and %d from it for each beat", clients, (after.in-before.in)/24, (after.out-before.out)/24)
		for _, p := range all {
			p.end()
		}
	}
	atRest(0)
	atRest(300)
}

func await(beats <-chan *process, n int) {
	for range n {
		<-beats
	}
}

func TestADecisionIsTwelveCommands(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	store := openRedis(t, "redis://"+server.Address())
	pool := newPool(0, "r1")
	m := New(options(""), Deps{Store: store, Report: pool.report, Lower: pool.setQuota, Log: zap.NewNop()})
	if err := drain(m, "r1", false); err != nil {
		t.Fatal(err)
	}
	before := trafficOf(t, store.Client())
	if err := drain(m, "r2", false); err != nil {
		t.Fatal(err)
	}
	commands := 0
	done := trafficOf(t, store.Client()).since(before)
	for _, n := range done {
		commands += n
	}
	if commands > 12 {
		t.Errorf("got %d commands for a decision, want 12: %v", commands, done)
	}
}
