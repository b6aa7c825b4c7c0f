package cluster

import (
	"bytes"
	"testing"
	"time"

	"fermata/balancer"
)

// What somebody does who can write to the same Redis and has not got the secret.

func wantRefusals(t *testing.T, p *process, reason string, least, most int) {
	t.Helper()
	if got := p.refusals(reason); got < least || got > most {
		t.Errorf("%s: got %d refused as %s, want %d to %d", p.name, got, reason, least, most)
	}
}

func TestSomebodyWithoutTheSecretDrainsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		a := start(t, s, 30, nodes, "a")[0]
		evil := State{Version: 1000, Nodes: map[string]Decision{"r1": {Stamp: Stamp{At: 1 << 50}, Drain: new(balancer.Drain)}}}
		forge := func(secret, name, kind string) {
			sign := newSigner(Options{Name: name, Secret: testSecret})
			if secret != "" {
				sign.key = []byte(secret)
			}
			s.change(func() { s.state = sign.seal(kind, encode(evil)) })
			passes(time.Second)
			if drained(a.Member, "r1") {
				t.Errorf("signed for %s of %s: got a drain, want none", kind, name)
			}
		}
		forge("another secret", "test", "state")
		forge("", "another", "state") // of a cluster with the same secret
		forge("", "test", "report")
		wantRefusals(t, a, RefusedSignature, 3, 3)
		s.change(func() { s.state = []byte("garbage") })
		passes(time.Second)
		s.change(func() { s.state = []byte{} })
		passes(time.Second)
		wantRefusals(t, a, RefusedSignature, 5, 5)
		s.change(func() { s.state = newSigner(Options{Name: "test", Secret: testSecret}).seal("state", []byte("{")) })
		passes(time.Second)
		wantRefusals(t, a, RefusedMalformed, 1, 1)
		if quota, _ := a.View().Quota("r1"); quota != 30 {
			t.Errorf("got a quota of %d, want 30 as before", quota)
		}
	})
}

func TestAnOldStateThatIsWrittenAgainChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		if err := drain(all[0].Member, "r1", false); err != nil {
			t.Fatal(err)
		}
		var old []byte
		s.change(func() { old = bytes.Clone(s.state) })
		if err := undrain(all[0].Member, "r1", false); err != nil {
			t.Fatal(err)
		}
		passes(time.Second)
		s.change(func() { s.state = old })
		passes(time.Second)
		for _, p := range all {
			if drained(p.Member, "r1") {
				t.Errorf("%s: got a drain, want none", p.name)
			}
		}
		if got := all[0].refusals(RefusedOld) + all[1].refusals(RefusedOld); got < 1 || got > 2 {
			t.Errorf("got %d states refused as old, want one that one or both have seen", got)
		}
		if newcomer := start(t, s, 0, nodes, "c")[0]; drained(newcomer.Member, "r1") {
			t.Error("got a drain at a newcomer, want none")
		}
	})
}

func TestAStateOfLongAgoThatIsWrittenAgainChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		var old []byte
		for _, decide := range []func(*Member, string, bool) error{drain, undrain} {
			s.change(func() { old = bytes.Clone(s.state) })
			if err := decide(all[0].Member, "r1", false); err != nil {
				t.Fatal(err)
			}
		}
		if err := drain(all[0].Member, "r2", false); err != nil {
			t.Fatal(err)
		}
		s.change(func() { s.ahead = undrainedFor + time.Hour })
		passes(2 * time.Second)
		if d, known := all[1].View().State.Nodes["r1"]; known || !drained(all[1].Member, "r2") {
			t.Errorf("got %+v and a drain: %v, want the first forgotten and the other not", d, drained(all[1].Member, "r2"))
		}
		s.change(func() { s.state = old })
		passes(2 * time.Second)
		for _, p := range all {
			if drained(p.Member, "r1") || !drained(p.Member, "r2") {
				t.Errorf("%s: got %+v, want the old drain not, and the other as before", p.name, p.View().State.Nodes)
			}
		}
	})
}

func TestAnOldReportThatIsWrittenAgainMakesNobodyLive(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		var first, last []byte
		s.change(func() {
			first, last = firstReport(s, all[1].id), s.reports[all[1].id]
		})
		all[1].die()
		passes(5 * time.Second)
		for _, old := range [][]byte{first, last, first, last} {
			s.change(func() { s.reports[all[1].id] = old })
			passes(time.Second)
		}
		if got := len(all[0].View().Members); got != 1 {
			t.Errorf("got %d members, want one", got)
		}
		wantRefusals(t, all[0], RefusedRepeated, 3, 4)
		newcomer := start(t, s, 0, nodes, "c")[0]
		if got := len(newcomer.View().Members); got != 2 {
			t.Errorf("got %d members at a newcomer, want itself and the one that lives", got)
		}
		wantRefusals(t, newcomer, RefusedOld, 1, 1)
		s.change(func() { s.reports["0"] = last })
		passes(time.Second)
		wantRefusals(t, newcomer, RefusedMalformed, 1, 1)
	})
}

func firstReport(s *simStore, id string) []byte {
	for _, r := range s.old {
		if r.id == id {
			return r.raw
		}
	}
	return nil
}

func TestReportsThatSomebodyDeletesAreBackWithTheNextBeat(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b")
		for range 20 {
			s.change(func() { clear(s.reports) })
			passes(time.Second)
			for _, p := range all {
				if got := len(p.View().Members); got != 2 {
					t.Fatalf("%s: got %d members, want both", p.name, got)
				}
			}
		}
	})
}

func TestWhatMembersLeftIsRemovedByOnesThatNeverKnewThem(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "c")
		all[0].die()
		all[1].end()
		passes(10 * time.Second)
		b := start(t, s, 30, nodes, "b")[0]
		wantRefusals(t, b, RefusedOld, 1, 1) // of who has not taken leave
		passes(70 * time.Second)
		s.change(func() {
			if len(s.reports) != 1 {
				t.Errorf("got %d reports, want that of the one that lives", len(s.reports))
			}
		})
	})
}
