package health

import "testing"

func TestANodeIsAtFaultAfterTwoRoundsInARow(t *testing.T) {
	const fresh = true
	type round struct {
		outcome outcome
		fresh   bool
	}
	f := func(name string, want standing, rounds ...round) {
		t.Helper()
		var s standing
		for _, r := range rounds {
			s.add(r.outcome, r.fresh)
		}
		if s != want {
			t.Errorf("%s: got %+v, want %+v", name, s, want)
		}
	}
	f("well at once", standing{known: true}, round{delivers, fresh})
	f("its first round does not count against it", standing{}, round{deaf, fresh})
	f("one round is not enough", standing{known: true, against: 1}, round{delivers, fresh}, round{deaf, false})
	f("nor are two with a good one in between", standing{known: true, against: 1}, round{mute, false}, round{delivers, false}, round{mute, false})
	f("two in a row are", standing{known: true, against: 2, fault: mute}, round{mute, fresh}, round{mute, false}, round{mute, false})
	f("the last one says what it is", standing{known: true, against: 2, fault: cutOff}, round{deaf, false}, round{cutOff, false})
	f("one good round is enough to be well", standing{known: true}, round{deaf, false}, round{deaf, false}, round{delivers, false})
	f("a new connection does not make it well", standing{known: true, against: 2, fault: deaf}, round{deaf, false}, round{deaf, false}, round{deaf, fresh})
	f("what fails for all is not its fault", standing{known: true}, round{deaf, false}, round{deaf, false}, round{lost, false})
	f("and does not count as its own", standing{known: true, against: 1}, round{deaf, false}, round{lost, false}, round{deaf, false})
}

func TestANodeThatIsLeftOutTwiceIsForgotten(t *testing.T) {
	s := standing{known: true, fault: deaf}
	if s.miss() {
		t.Error("got forgotten after one round, want two")
	}
	s.add(deaf, false)
	if s.miss() {
		t.Error("got forgotten after one round since the last, want two")
	}
	if !s.miss() {
		t.Error("got remembered after two rounds without it, want forgotten")
	}
}

func TestAllAreAtFaultAfterTwoRoundsInARow(t *testing.T) {
	var c community
	f := func(want outcome, fresh bool, outcomes ...outcome) {
		t.Helper()
		if c.add(outcomes, fresh); c.fault != want {
			t.Errorf("after %v: got %v, want %v", outcomes, c.fault, want)
		}
	}
	f(delivers, true, lost, lost)
	f(delivers, false, lost, lost)
	f(delivers, false, deaf, delivers)
	f(delivers, false, lost, lost)
	f(split, false, split, split)
	f(split, false)
	f(split, true, lost, lost)
	f(delivers, true, delivers, mute)
}
