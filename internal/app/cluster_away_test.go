//go:build unix

package app

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/lab/redisserver"
)

// notTold wants a warning that the other members are not told yet.
func notTold(t *testing.T, what, warning string, err error) {
	t.Helper()
	if err != nil || strings.Count(warning, "Redis cannot be reached") != 1 {
		t.Errorf("%s: got the warning %q, %v, want one that Redis cannot be reached", what, warning, err)
	}
}

func TestAnswersThatAreMadeWithoutRedisSaySo(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	f := startMembers(t, redis, twoReverbs(t), "edge-1")[0]
	redis.Kill()
	drained, err := f.Drain("a", admin.DrainRequest{Local: true})
	notTold(t, "drain", drained.Warning, err)
	undrained, err := f.Undrain("a", admin.UndrainRequest{Local: true})
	notTold(t, "undrain", undrained.Warning, err)
	plan, err := f.Rebalance(admin.RebalanceRequest{Local: true})
	notTold(t, "rebalance", plan.Warning, err)
	plan, err = f.Rebalance(admin.RebalanceRequest{DryRun: true})
	notTold(t, "rebalance --dry-run", plan.Warning, err)
	roll, err := f.SetRoll(admin.Roll{Nodes: []string{"a"}, Local: true})
	notTold(t, "roll", roll.Warning, err)
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	f.untilLogged("Redis can be reached again")
	if roll, err = f.SetRoll(admin.Roll{}); err != nil || roll.Warning != "" {
		t.Errorf("got the warning %q, %v with Redis back, want none", roll.Warning, err)
	}
}

func TestAnOutageOfRedisIsAnEvent(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	f := startMembers(t, redis, twoReverbs(t), "edge-1")[0]
	told := func(want ...string) {
		t.Helper()
		f.eventually(strings.Join(want, ", "), func() (any, bool) {
			got := f.events("redis_")
			return got, strings.Join(got, " ") == strings.Join(want, " ")
		})
	}
	told()
	redis.Kill()
	told("redis_away")
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	told("redis_away", "redis_back")
}

// A stop waits for what has begun before it.
func TestADecisionThatNobodyAsksForDoesNotWaitForAFrozenRedis(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	f := startMembers(t, redis, twoReverbs(t), "edge-1")[0]
	if err := redis.Freeze(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f.decideUnasked(func(cluster.View, *cluster.State) error { t.Error("got to decide, want Redis frozen"); return nil })
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("got an answer after %s, want it after %s", took, unaskedWithin)
	}
	redis.Thaw()
}

// events are the types of those that begin so, the oldest first.
func (f *front) events(begin string) (types []string) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 50*time.Millisecond) // the latest ones come at once
	defer cancel()
	answer := httptest.NewRecorder()
	f.admin.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "http://localhost/v1/events", nil))
	for line := range strings.Lines(answer.Body.String()) {
		var e admin.Event
		if data, is := strings.CutPrefix(line, "data: "); is && json.Unmarshal([]byte(data), &e) == nil && strings.HasPrefix(e.Type, begin) {
			types = append(types, e.Type)
		}
	}
	return types
}
