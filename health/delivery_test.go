package health

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fermata/internal/pusher"
)

const deliveryInterval = 10 * time.Second

func TestNodesThatDeliverAreUpAfterTheFirstRound(t *testing.T) {
	f := newFleet(t, "a", "b", "c")
	f.run(func() {
		pass(3 * time.Second)
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Up: true}, "c": {Up: true}}, "")
	})
}

func TestADeafNodeIsFoundAfterTwoRounds(t *testing.T) {
	f := newFleet(t, "a", "b", "c")
	f.run(func() {
		pass(3 * time.Second)
		f.change("b", func(n *fleetNode) { n.deaf = true })
		f.untilRound(1)
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Up: true}, "c": {Up: true}}, "")
		f.untilRound(1)
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Objection: deaf.objection()}, "c": {Up: true}}, "")

		f.change("b", func(n *fleetNode) { n.deaf = false })
		f.untilRound(1)
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Up: true}, "c": {Up: true}}, "")
	})
}

func TestAMuteNodeOfTwoIsToldFromTheOther(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.change("a", func(n *fleetNode) { n.mute = true })
		f.untilRound(2)
		f.want(map[string]NodeDelivery{"a": {Objection: mute.objection()}, "b": {Up: true}}, "")
		f.change("a", func(n *fleetNode) { n.deaf = true })
		f.untilRound(1)
		f.want(map[string]NodeDelivery{"a": {Objection: cutOff.objection()}, "b": {Up: true}}, "")
	})
}

func TestRedisThatIsGoneIsNoNodesFault(t *testing.T) {
	for _, names := range [][]string{{"alone"}, {"a", "b"}, {"a", "b", "c"}} {
		f := newFleet(t, names...)
		f.run(func() {
			pass(3 * time.Second)
			f.changeAll(func(n *fleetNode) { n.deaf, n.mute = true, true })
			f.untilRound(1)
			f.want(f.all(NodeDelivery{Up: true}), "")
			f.untilRound(1)
			f.want(f.all(NodeDelivery{}), lost.reason())
			f.changeAll(func(n *fleetNode) { n.deaf, n.mute = false, false })
			f.untilRound(1)
			f.want(f.all(NodeDelivery{Up: true}), "")
		})
	}
}

func TestARedisThatWasGoneFromTheStartIsFound(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.changeAll(func(n *fleetNode) { n.deaf, n.mute = true, true })
	f.run(func() {
		f.untilRound(3)
		f.want(f.all(NodeDelivery{}), lost.reason())
	})
}

func TestANodeThatRestartsRaisesNoAlarm(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		for range 3 {
			f.change("b", func(n *fleetNode) { n.deaf, n.mute = true, true }) // it listens, and has no Redis yet
			f.cut("b")
			synctest.Wait()
			f.untilRound(1)
			f.change("b", func(n *fleetNode) { n.deaf, n.mute = false, false })
			f.untilRound(1)
		}
		f.wantNever(func(d Delivered) bool { return d.Nodes["b"].Objection != nil || d.Lost != "" || len(d.Unchecked) > 0 })
		f.want(f.all(NodeDelivery{Up: true}), "")
	})
}

func TestADeafNodeThatRestartsIsDeafUntilARoundShowsThatItIsNot(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.change("b", func(n *fleetNode) { n.deaf = true })
		f.untilRound(2)
		f.cut("b")
		f.untilRound(1)
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Objection: deaf.objection()}}, "")
	})
}

func TestANodeThatTakesNoPartIsLeftOutAndForgotten(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.change("b", func(n *fleetNode) { n.deaf = true })
		f.untilRound(2)
		f.leaveOut("b")
		f.untilRound(2)
		f.want(map[string]NodeDelivery{"a": {Up: true}}, "")
		if open := f.clients("b"); open != 0 {
			t.Errorf("got %d connections to b, want none", open)
		}
	})
}

func TestANodeThatCannotBeAskedIsNotDeafAndIsNamed(t *testing.T) {
	f := func(fault func(*fleetNode), want string) {
		t.Helper()
		f := newFleet(t, "a", "b")
		f.run(func() {
			f.change("b", fault)
			f.untilRound(1)
			if err := f.last().Unchecked["b"]; err != nil {
				t.Errorf("got %v after one round, want nothing yet", err)
			}
			f.untilRound(1)
			wantText(t, f.last().Unchecked["b"], want)
			f.want(map[string]NodeDelivery{"a": {Up: true}}, "")
		})
	}
	f(func(n *fleetNode) { n.status = 401 }, `^POST /ws/apps/id/events: status 401, want 200 \(are the app's key and secret those of the node\?\)$`)
	f(func(n *fleetNode) { n.status = 404 }, `^POST /ws/apps/id/events: status 404, want 200 \(does the node know the app id\?\)$`)
	f(func(n *fleetNode) { n.greeting = unknownApp }, `^pusher:error 4001: Application does not exist$`)
	f(func(n *fleetNode) { n.dialError = errRefused }, `^dial refused$`)
	f(func(n *fleetNode) { n.silent = true }, `^no pusher_internal:subscription_succeeded in 2s$`)
}

func TestANodeOverItsQuotaIsNotDeaf(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.change("b", func(n *fleetNode) { n.greeting = overQuota })
	f.run(func() {
		f.untilRound(4)
		f.want(f.all(NodeDelivery{Up: true}), "")
	})
}

func TestOurOwnWantOfFilesChangesNothingThatIsKnown(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.change("b", func(n *fleetNode) { n.deaf = true })
		f.untilRound(2)
		f.change("b", func(n *fleetNode) { n.dialError = syscall.EMFILE })
		f.untilRound(4)
		if err := f.last().Unchecked["b"]; !errors.Is(err, syscall.EMFILE) {
			t.Errorf("got %v, want the want of files", err)
		}
		f.want(map[string]NodeDelivery{"a": {Up: true}, "b": {Objection: deaf.objection()}}, "")
	})
}

func TestEachPingOfTheNodeIsAnswered(t *testing.T) {
	f := newFleet(t, "a")
	f.run(func() {
		pass(3 * time.Second)
		for range 2 {
			f.say("a", pusher.EventPing)
			select {
			case <-f.pongs:
			case <-time.After(time.Minute):
				t.Fatal("got no pong, want one")
			}
		}
	})
}

func TestACheckThatIsOffFromTheStartTellsNothing(t *testing.T) {
	f := newFleet(t, "a")
	f.plan.App = App{}
	f.run(func() {
		for range 3 {
			f.delivery.Replan()
			pass(time.Minute)
		}
		if rounds := f.rounds(); rounds != 0 {
			t.Errorf("got %d reports, want none", rounds)
		}
	})
}

func TestANodeThatHangsUpInARoundIsNotDeafAndIsNamed(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.change("b", func(n *fleetNode) { n.hangsUp = true })
		f.untilRound(2)
		wantText(t, f.last().Unchecked["b"], `^the connection ended$`)
		f.want(map[string]NodeDelivery{"a": {Up: true}}, "")
	})
}

func TestACheckThatGoesOffForgetsAndHangsUp(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		f.setPlan(func(p *Plan) { p.App = App{} })
		f.delivery.Replan()
		synctest.Wait()
		f.want(nil, "")
		if open := f.clients("a") + f.clients("b"); open != 0 {
			t.Errorf("got %d connections, want none", open)
		}
		if rounds := f.roundsIn(time.Hour); rounds != 0 {
			t.Errorf("got %d reports more, want none", rounds)
		}
		f.setPlan(func(p *Plan) { p.App = fleetApp })
		f.delivery.Replan()
		f.untilRound(1)
		f.want(f.all(NodeDelivery{Up: true}), "")
	})
}

func TestRoundsAreAnIntervalApartAndHalfOfItInDoubt(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.run(func() {
		pass(3 * time.Second)
		if got := f.roundsIn(10 * time.Minute); got < 54 || got > 67 {
			t.Errorf("got %d rounds in ten minutes, want about 60", got)
		}
		f.change("a", func(n *fleetNode) { n.mute = true })
		f.untilRound(1)
		if got := f.roundsIn(10 * time.Minute); got < 108 || got > 134 {
			t.Errorf("got %d rounds in ten minutes of doubt, want about 120", got)
		}
	})
}

func TestANodeOfWhichNothingIsKnownIsAskedAgainSoon(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.change("b", func(n *fleetNode) { n.deaf = true }) // its first round does not count
	f.run(func() {
		f.untilRound(1)
		if got := f.roundsIn(6 * time.Second); got != 1 {
			t.Errorf("got %d rounds in 6s, want one after half an interval", got)
		}
	})
}

func TestANodeThatCannotBeAskedMakesNoMoreRoundsOnceThatIsClear(t *testing.T) {
	f := newFleet(t, "a", "b")
	f.change("b", func(n *fleetNode) { n.dialError = errRefused })
	f.run(func() {
		f.untilRound(1)
		if got := f.roundsIn(6 * time.Second); got != 1 {
			t.Errorf("got %d rounds in 6s, want one after half an interval", got)
		}
		if got := f.roundsIn(6 * time.Second); got != 0 {
			t.Errorf("got %d rounds in 6s more, want none: nothing is to be learnt", got)
		}
	})
}
