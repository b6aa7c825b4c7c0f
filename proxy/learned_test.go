package proxy

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// at is what a member says of a client of app 1 that is on the node n.
func at(told, present string) MovedID {
	return MovedID{App: "1", Told: told, Present: present, Node: "n"}
}

// moving is what it says while it moves the client.
func moving(told, present string) MovedID {
	m := at(told, present)
	m.Moving = true
	return m
}

// wantLearned compares the present id of a client; empty: it is not known.
func wantLearned(t *testing.T, l *learned, told, want string) (moving chan struct{}) {
	t.Helper()
	is, moving, known := l.of("1", told, time.Now())
	if is.present != want || known != (want != "") || known && is.node.Value() != "n" {
		t.Errorf("%s: got %q, %v, want %q", told, is.present, known, want)
	}
	return moving
}

func learn(l *learned, member string, number, oldest uint64, ids ...MovedID) {
	l.learn(member, Announcement{Number: number, Oldest: oldest, IDs: ids}, time.Now().Add(time.Second))
}

func TestOfAClientThatMovedTwiceTheNewestIDIsKnown(t *testing.T) {
	var l learned
	learn(&l, "edge-2", 1, 0, at("1.1", "2.2"), at("5.5", "6.6"))
	learn(&l, "edge-3", 1, 0, at("7.7", "8.8"))
	wantLearned(t, &l, "1.1", "2.2")
	wantLearned(t, &l, "7.7", "8.8")
	learn(&l, "edge-2", 2, 0, at("1.1", "3.3"))
	wantLearned(t, &l, "1.1", "3.3")
	if _, _, known := l.of("2", "1.1", time.Now()); known {
		t.Error("got a client of another app, want none")
	}
}

func TestAClientOfAnotherMemberIsForgottenWhenItGoes(t *testing.T) {
	var l learned
	learn(&l, "edge-2", 1, 0, at("1.1", "2.2"), at("3.3", "4.4"))
	learn(&l, "edge-3", 1, 0, at("5.5", "6.6"))
	learn(&l, "edge-2", 2, 0, at("1.1", ""))
	wantLearned(t, &l, "1.1", "")
	wantLearned(t, &l, "3.3", "4.4")
	l.unlearn("edge-2")
	wantLearned(t, &l, "3.3", "")
	wantLearned(t, &l, "5.5", "6.6")
	if l.none() {
		t.Error("got none, want the other member's")
	}
	l.unlearn("edge-3")
	l.unlearn("edge-3")
	if !l.none() {
		t.Error("got some, want none")
	}
}

// Otherwise every request would be looked through for ever.
func TestAMemberWithoutMovedClientsCostsNothing(t *testing.T) {
	var l learned
	learn(&l, "edge-2", 1, 0)
	if !l.none() || len(l.members) != 0 {
		t.Error("got something after an announcement of nobody, want nothing")
	}
	learn(&l, "edge-2", 2, 0, at("1.1", "2.2"))
	learn(&l, "edge-2", 3, 0, at("1.1", ""))
	if !l.none() || len(l.members) != 0 {
		t.Error("got something after the last client has gone, want nothing")
	}
}

// The announcement of their end was lost.
func TestClientsThatAMemberDoesNotSayAnewAreForgotten(t *testing.T) {
	var l learned
	learn(&l, "edge-2", 1, 0, at("1.1", "2.2"), at("3.3", "4.4"))
	learn(&l, "edge-3", 1, 0, at("5.5", "6.6"))
	learn(&l, "edge-2", 2, 1, at("3.3", "4.4"))
	wantLearned(t, &l, "1.1", "2.2")
	learn(&l, "edge-2", 3, 2, at("7.7", "8.8"))
	wantLearned(t, &l, "1.1", "")
	wantLearned(t, &l, "3.3", "4.4")
	wantLearned(t, &l, "5.5", "6.6")
	wantLearned(t, &l, "7.7", "8.8")
}

func TestRequestsWaitForAMoveOfAnotherMemberUntilItIsOver(t *testing.T) {
	f := func(what string, over func(l *learned), want string) {
		t.Helper()
		var l learned
		learn(&l, "edge-2", 1, 0, at("1.1", "2.2"))
		if wantLearned(t, &l, "1.1", "2.2") != nil {
			t.Errorf("%s: got a move, want none yet", what)
		}
		learn(&l, "edge-2", 2, 0, moving("1.1", "2.2"))
		learn(&l, "edge-2", 3, 0, moving("1.1", "2.2")) // said anew
		under := wantLearned(t, &l, "1.1", "2.2")
		select {
		case <-under:
			t.Errorf("%s: the move is over, want that it goes on", what)
		default:
		}
		over(&l)
		<-under // or all requests that wait are stuck
		if wantLearned(t, &l, "1.1", want) != nil {
			t.Errorf("%s: got a move, want none any more", what)
		}
	}
	f("it has moved", func(l *learned) { learn(l, "edge-2", 4, 0, at("1.1", "3.3")) }, "3.3")
	f("it has stayed", func(l *learned) { learn(l, "edge-2", 4, 0, at("1.1", "2.2")) }, "2.2")
	f("it has gone", func(l *learned) { learn(l, "edge-2", 4, 0, at("1.1", "")) }, "")
	f("its end was not said", func(l *learned) { learn(l, "edge-2", 5, 4) }, "")
	f("the member has gone", func(l *learned) { l.unlearn("edge-2") }, "")
}

func TestNobodyWaitsForAMoveWhoseEndIsNeverHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l learned
		learn(&l, "edge-2", 1, 0, moving("1.1", "2.2"))
		time.Sleep(999 * time.Millisecond)
		if wantLearned(t, &l, "1.1", "2.2") == nil {
			t.Error("got no move, want it until its time is over")
		}
		time.Sleep(time.Millisecond)
		if wantLearned(t, &l, "1.1", "2.2") != nil {
			t.Error("got a move, want none after its time")
		}
	})
}

func TestAMemberCannotHaveMoreRememberedThanItCanHave(t *testing.T) {
	var l learned
	ids := make([]MovedID, mostLearned+1)
	for i := range ids {
		ids[i] = at(fmt.Sprint(i), "2.2")
	}
	learn(&l, "edge-2", 1, 0, ids...)
	learn(&l, "edge-2", 2, 0, at("0", "3.3"), at("more", "3.3"), moving("more", "3.3"))
	wantLearned(t, &l, "0", "3.3")
	wantLearned(t, &l, "more", "")
	if got := len(l.members["edge-2"].clients); got != mostLearned {
		t.Errorf("got %d clients, want %d", got, mostLearned)
	}
}

func TestMembersAreLearnedFromAndLookedUpTogether(t *testing.T) {
	var l learned
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id, member := fmt.Sprint(i), fmt.Sprint("edge-", i)
			for n := range uint64(500) {
				learn(&l, member, 2*n+1, 2*n, moving(id, "2.2"))
				wantLearned(t, &l, id, "2.2")
				learn(&l, member, 2*n+2, 0, at(id, "3.3"))
				wantLearned(t, &l, id, "3.3")
			}
			l.unlearn(member)
		})
	}
	all.Wait()
	if !l.none() {
		t.Error("got some, want none")
	}
}
