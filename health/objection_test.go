package health

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestANodeThatNothingArrivesAtFailsItsChecksUntilThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 2})
		wantChecks := func(what string, want int) {
			t.Helper()
			pass(time.Second)
			if got := len(node.checks()); got != want {
				t.Errorf("%s: got %d checks, want %d", what, got, want)
			}
		}
		wantChecks("nothing speaks against it", 1)
		node.checker.Object(nil)
		wantChecks("nothing new", 1)
		objection := &Objection{FaultDeaf, "deaf"}
		node.checker.Object(objection)
		wantChecks("something speaks against it", 2)
		pass(33 * time.Minute) // half the interval, and a tenth
		node.checker.Object(objection)
		wantChecks("the same still does", 3)
		node.checker.Object(nil)
		wantChecks("that is over", 3)
		pass(66 * time.Minute)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "failed 1 of 2: deaf"},
			Result{Changed: true, Reason: "deaf", Fault: FaultDeaf},
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
		)
	})
}
