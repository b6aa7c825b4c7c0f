package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"fermata/internal/lab/redisserver"
)

// talker is a member that says its clients and learns those of others.
type talker struct {
	*IDs
	t      *testing.T
	client redis.UniversalClient
	stop   func()

	mu      sync.Mutex
	moved   map[string]string // its own: the present id by the told one
	learned map[string]string // of others: MEMBER/TOLD
	refused map[string]int
}

const waitFor = 45 * time.Second

func talk(t *testing.T, name, address string) *talker {
	t.Helper()
	o := options("redis://" + address)
	store := openRedis(t, o.Redis.Reveal())
	k := &talker{t: t, client: store.Client(), moved: make(map[string]string), learned: make(map[string]string), refused: make(map[string]int)}
	k.IDs = NewIDs(o, IDsDeps{
		Client: store.Client(), Self: name, Now: time.Now, Moved: k.where, Learn: k.learn, Unlearn: k.unlearn, Refused: k.refuse, Log: zap.NewNop(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	k.stop = sync.OnceFunc(func() { cancel(); store.Close(); running.Wait() })
	t.Cleanup(k.stop)
	return k
}

func (k *talker) where(app, told string) MovedID {
	k.mu.Lock()
	defer k.mu.Unlock()
	return MovedID{App: app, Told: told, Present: k.moved[told], Node: "reverb-1"}
}

func (k *talker) learn(member string, s Said) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range s.IDs {
		if m.Present == "" {
			delete(k.learned, member+"/"+m.Told)
		} else {
			k.learned[member+"/"+m.Told] = m.Present
		}
	}
}

func (k *talker) unlearn(member string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.learned, func(id, _ string) bool { return id[:len(member)] == member })
}

func (k *talker) refuse(reason string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused[reason]++
}

// move is what happens to a client; present is empty when it ends. It returns when
// the others can know.
func (k *talker) move(told, present string) {
	k.t.Helper()
	k.mu.Lock()
	if k.moved[told] = present; present == "" {
		delete(k.moved, told)
	}
	k.mu.Unlock()
	select {
	case <-k.Announce("1", told):
	case <-time.After(waitFor):
		k.t.Fatalf("%s: nobody can know in %s", told, waitFor)
	}
}

// wait waits until that is so, with the talker's mutex held.
func (k *talker) wait(what string, so func() bool) {
	k.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(waitFor); ; <-look.C {
		k.mu.Lock()
		ok := so()
		k.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("not in %s: %s; got %v, refused %v", waitFor, what, k.learned, k.refused)
		}
	}
}

// wantLearned waits for exactly these of all others.
func (k *talker) wantLearned(want map[string]string) {
	k.t.Helper()
	k.wait(fmt.Sprintf("learn %v", want), func() bool { return maps.Equal(k.learned, want) })
}

func TestMembersLearnWhereEachOthersClientsAre(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	a, b := talk(t, "a", server.Address()), talk(t, "b", server.Address())
	b.move("1.1", "2.2")
	b.move("3.3", "4.4")
	b.move("1.1", "5.5") // a second time
	a.move("7.7", "8.8")
	a.wantLearned(map[string]string{"b/1.1": "5.5", "b/3.3": "4.4"})
	b.wantLearned(map[string]string{"a/7.7": "8.8"})
	b.move("3.3", "")
	a.wantLearned(map[string]string{"b/1.1": "5.5"})

	newcomer := talk(t, "c", server.Address())
	newcomer.wantLearned(map[string]string{"a/7.7": "8.8", "b/1.1": "5.5"})
	b.Living([]string{"a", "b"})
	b.wantLearned(map[string]string{"a/7.7": "8.8"})
	if len(a.refused)+len(b.refused)+len(newcomer.refused) > 0 {
		t.Errorf("got %v, %v, %v refused, want nothing", a.refused, b.refused, newcomer.refused)
	}
}

func TestAClientThatEndsWhereItBeganIsSaidToNobody(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	a := talk(t, "a", server.Address())
	a.move("1.1", "")
	if n, err := a.client.XLen(t.Context(), a.stream).Result(); n != 0 || err != nil {
		t.Errorf("got %d announcements, %v, want none", n, err)
	}
	if len(a.own.all) != 0 {
		t.Errorf("got %d clients, want none", len(a.own.all))
	}
}

func TestWhatNobodyWaitsForIsSaidWithWhatComesNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwnIDs()
		said := func(want int) {
			t.Helper()
			synctest.Wait()
			got := 0
			if len(o.wake) > 0 {
				<-o.wake
				b := o.take()
				o.done(b, true)
				got = len(b.ids)
			}
			if got != want {
				t.Errorf("got %d clients said, want %d", got, want)
			}
		}
		o.note(clientID{"1", "ended"}, false, false, false)
		said(0)
		o.note(clientID{"1", "begins"}, true, false, false)
		said(2)
		o.note(clientID{"1", "ended"}, false, false, false)
		<-time.After(idsPatience)
		said(1)
	})
}

func TestTheStreamIsToldOnceAMinuteWhenToGo(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	a := talk(t, "a", server.Address())
	for i := range 5 {
		a.move(fmt.Sprint(i), "2.2")
	}
	calls := trafficOf(t, a.client).calls
	if ttl, err := a.client.TTL(t.Context(), a.stream).Result(); calls["xadd"] != 5 || calls["expire"] != 1 || ttl < idsKept || err != nil {
		t.Errorf("got %d announcements, %d times an expiry, in %v, %v, want five and one", calls["xadd"], calls["expire"], ttl, err)
	}
}

func TestARedisThatComesBackEmptyIsToldEverythingAnew(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	a, b := talk(t, "a", server.Address()), talk(t, "b", server.Address())
	want := make(map[string]string)
	for i := range 3 * mostIDs / 2 {
		told := fmt.Sprint(i)
		want["b/"+told] = "2.2"
		b.mu.Lock()
		b.moved[told] = "2.2"
		b.mu.Unlock()
		b.Announce("1", told)
	}
	a.wantLearned(want)
	server.Kill()
	b.wait("notice the outage", b.away.Load)
	b.move("away", "3.3") // returns at once
	b.move("come and gone", "4.4")
	b.move("come and gone", "")
	b.move("0", "")
	a.wantLearned(want) // what is known goes on
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	want["b/away"] = "3.3"
	newcomer := talk(t, "c", server.Address())
	a.wantLearned(want) // 0 is forgotten when it is looked for those that are unsaid
	delete(want, "b/0")
	newcomer.wantLearned(want)
	b.move("1", "5.5")
	want["b/1"] = "5.5"
	newcomer.wantLearned(want)
	if len(a.refused)+len(newcomer.refused) > 0 {
		t.Errorf("got %v, %v refused, want nothing", a.refused, newcomer.refused)
	}
}

func TestWhatSomebodyElseWritesIsRefused(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	a, b := talk(t, "a", server.Address()), talk(t, "b", server.Address())
	b.move("1.1", "2.2")
	b.move("1.1", "3.3")
	a.wantLearned(map[string]string{"b/1.1": "3.3"})
	entries, err := a.client.XRange(t.Context(), a.stream, "-", "+").Result()
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %d entries, %v, want 2", len(entries), err)
	}
	first := entries[0].Values[blobField].(string)
	seal := func(kind string, s signer, a announcement) string {
		body, _ := json.Marshal(a)
		return string(s.seal(kind, body))
	}
	elsewhere := options("")
	elsewhere.Name = "another"
	forged := announcement{Member: "b", Number: 9, At: time.Now().UnixMilli(), IDs: [][]string{{"1", "1.1", "6.6", "n"}}}
	old, odd := forged, forged
	old.At -= (idsKept + 2*time.Minute).Milliseconds()
	odd.IDs = [][]string{{"1"}}
	f := func(what, reason, blob string) {
		t.Helper()
		a.mu.Lock()
		before := a.refused[reason]
		a.mu.Unlock()
		if err := b.client.XAdd(t.Context(), &redis.XAddArgs{Stream: a.stream, Values: []any{blobField, blob}}).Err(); err != nil {
			t.Fatal(err)
		}
		a.wait(what+" is refused", func() bool { return a.refused[reason] == before+1 })
	}
	f("a replay", RefusedRepeated, first)
	f("garbage", RefusedSignature, "garbage")
	f("nothing", RefusedSignature, "")
	f("the name of another member", RefusedSignature, first[:len(first)-1]+" }")
	f("a report", RefusedSignature, seal("report", a.sign, forged))
	f("another cluster's", RefusedSignature, seal(kindIDs, newSigner(elsewhere), forged))
	f("one of long ago", RefusedOld, seal(kindIDs, a.sign, old))
	f("one that means nothing", RefusedMalformed, seal(kindIDs, a.sign, odd))
	b.move("5.5", "7.7")
	a.wantLearned(map[string]string{"b/1.1": "3.3", "b/5.5": "7.7"})
}

func TestAMemberThatIsGoneIsForgottenAndItsReplaysStayRefused(t *testing.T) {
	var s speakers
	now := time.Now()
	hear := func(number, oldest uint64, want string) (acted uint64) {
		t.Helper()
		acted, reason := s.hear(announcement{Member: "b", Number: number, Oldest: oldest}, now)
		if reason != want {
			t.Errorf("number %d: got %q, want %q", number, reason, want)
		}
		return acted
	}
	hear(1, 1, "")
	part := func(want int, living ...string) {
		t.Helper()
		if got := s.part(living, now); len(got) != want {
			t.Errorf("got %v, want %d", got, want)
		}
	}
	part(0) // its report may still come
	now = now.Add(strangerFor)
	part(0, "b")
	part(1)
	part(0) // once
	hear(1, 1, RefusedRepeated)
	s.reread()
	hear(1, 1, reasonReread)
	s.upToDate()
	hear(2, 1, "")
	now = now.Add(2*idsKept + time.Second)
	part(1)
	if len(s.all) != 0 {
		t.Errorf("got %d members, want none", len(s.all))
	}
}

// Else clients would be forgotten that are there.
func TestAMemberThatWasNotReadForAWhileIsNotTakenAtItsWord(t *testing.T) {
	var s speakers
	now := time.Now()
	f := func(number, oldest, want uint64) {
		t.Helper()
		if got, reason := s.hear(announcement{Member: "b", Number: number, Oldest: oldest}, now); got != want || reason != "" {
			t.Errorf("number %d: got %d, %q, want %d", number, got, reason, want)
		}
	}
	f(1, 1, 0) // it was only just looked
	now = now.Add(sweepEvery)
	f(2, 1, 1)
	now = now.Add(sweepEvery)
	f(9, 7, 0) // those said between 2 and 9 were not read
	f(10, 8, 0)
	f(11, 9, 9)
	f(12, 10, 0)
}

func TestTheOldestAnnouncementIsThatOfTheClientSaidTheLongestAgo(t *testing.T) {
	o := newOwnIDs()
	say := func(written bool, told ...string) Said {
		t.Helper()
		for _, id := range told {
			o.note(clientID{"1", id}, true, false, false)
		}
		b := o.take()
		for i, id := range b.ids {
			b.now[i] = MovedID{App: "1", Told: id.told, Present: "2.2"}
		}
		s := o.number(b)
		o.done(b, written)
		return s
	}
	f := func(s Said, number, oldest uint64, ids int) {
		t.Helper()
		if s.Number != number || s.Oldest != oldest || len(s.IDs) != ids {
			t.Errorf("got %d, oldest %d, %d ids, want %d, %d, %d", s.Number, s.Oldest, len(s.IDs), number, oldest, ids)
		}
	}
	f(say(true, "a"), 1, 1, 1)
	f(say(true, "b"), 2, 1, 1)
	f(say(true, "a"), 3, 2, 1)
	f(say(false, "b"), 4, 3, 1)
	f(say(true), 5, 3, 1) // b again
	o.renew()             // a
	f(say(true), 6, 5, 1)
	o.anew()
	f(say(true), 7, 7, 2)
	f(say(true), 0+7, 7, 0)
}
