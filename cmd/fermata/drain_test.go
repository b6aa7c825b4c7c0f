package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestDrainStartsADrainAndSaysSo(t *testing.T) {
	running(t, threeNodes(), "")
	fermata(t.Context(), "drain", "reverb-1").has(t, 0, "reverb-1 is draining: 30 clients to move, 100/s, until ", "")
	fermata(t.Context(), "drain", "nope").want(t, 2, "", "fermata: no such node: \"nope\"\n")
}

func TestOnlyTheFlagsThatWereGivenAreSent(t *testing.T) {
	sent := func(want string, args ...string) {
		t.Helper()
		control := threeNodes()
		running(t, control, "")
		fermata(t.Context(), append([]string{"drain", "reverb-1"}, args...)...).has(t, 0, "", "")
		got, err := json.Marshal(control.Requests()[0])
		if err != nil || string(got) != want {
			t.Errorf("%q: got the request %s, want %s", args, got, want)
		}
	}
	sent(`{}`)
	sent(`{"rate":0}`, "--rate", "0")
	sent(`{"grace":"0s","deadline":"1m0s","close_code":4201}`, "--grace", "0s", "--deadline", "1m", "--code", "4201")
	sent(`{"force":true,"dry_run":true}`, "--force", "--dry-run")
	sent(`{"close":true}`, "--close")
	sent(`{"close":false}`, "--close=false")
}

func TestADryRunChangesNothing(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	fermata(t.Context(), "drain", "reverb-1", "--dry-run").want(t, 0, `reverb-1 would be drained of 30 clients
NODE      CONNECTIONS  AFTER  MAX
reverb-2  20           50     none
`, "")
	if got := control.Nodes(false).Nodes[0].State; got != admin.StateReady {
		t.Errorf("got the state %s, want ready", got)
	}
}

func TestDrainAsJSONIsTheNode(t *testing.T) {
	running(t, threeNodes(), "")
	got := fermata(t.Context(), "drain", "reverb-1", "--json")
	var node admin.Node
	if err := json.Unmarshal([]byte(got.out), &node); err != nil || node.State != admin.StateDraining || got.code != 0 {
		t.Errorf("got exit %d, %s%s, want the node as JSON", got.code, got.out, got.err)
	}
}

func TestARefusedDrainIsExitCode4AndNamesTheWayOut(t *testing.T) {
	running(t, admintest.New(admin.Node{Name: "only", Connections: 3}), "")
	fermata(t.Context(), "drain", "only", "--wait").
		want(t, 4, "", "fermata: refused: no usable node would be left (--force drains it all the same)\n")
	fermata(t.Context(), "drain", "only", "--force").has(t, 0, "only is draining: 3 clients", "")
}

func TestWaitReturnsWhenTheNodeIsEmpty(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	running(t, control, "")
	fermata(t.Context(), "drain", "reverb-1", "--wait").
		want(t, 0, "reverb-1: 30 of 30 left, 100/s\nreverb-1 is drained\n", "")
	fermata(t.Context(), "drain", "reverb-1", "--wait").want(t, 0, "reverb-1 is drained\n", "")
}

func TestWaitWithJSONKeepsTheProgressOutOfTheAnswer(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	running(t, control, "")
	got := fermata(t.Context(), "drain", "reverb-1", "--wait", "--json")
	var node admin.Node
	if err := json.Unmarshal([]byte(got.out), &node); err != nil || node.State != admin.StateDrained {
		t.Errorf("got %s, want the drained node as JSON", got.out)
	}
	got.has(t, 0, "", "30 of 30 left")
}

// some are clients that were moved, and some that were not.
var some = admin.Outcome{Moved: 22, Closed: 8, ClosedBecause: map[string]int{"no_session": 6, "timeout": 2}, Text: "22 moved, 8 closed: 6 without a session, 2 timed out"}

// outcomesAre makes that the outcome of each drain of reverb-1, at each look.
func outcomesAre(control *admintest.Control, outcome admin.Outcome) {
	control.Looked = func() {
		control.Change("reverb-1", func(n *admin.Node) {
			if n.Drain != nil {
				n.Drain.Outcome = outcome
			}
		})
	}
}

func TestADrainTellsHowManyWereMovedAndWhyTheOthersWereClosed(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	outcomesAre(control, some)
	fermata(t.Context(), "drain", "reverb-1").has(t, 0, "reverb-1 is draining: 30 clients to move, 100/s, until ", "")
	control.Nodes(false)
	fermata(t.Context(), "drain", "reverb-1").has(t, 0, "; 22 moved, 8 closed: 6 without a session, 2 timed out\n", "")
	fermata(t.Context(), "drain", "reverb-1", "--wait", "--timeout", "1ns").
		has(t, 3, "reverb-1: 30 of 30 left, 100/s; 22 moved, 8 closed: 6 without a session, 2 timed out\n", "")
	control.Step = 30
	fermata(t.Context(), "drain", "reverb-1", "--wait").
		has(t, 0, "reverb-1 is drained; 22 moved, 8 closed: 6 without a session, 2 timed out\n", "")
	fermata(t.Context(), "status").has(t, 0, "\nreverb-1: 22 moved, 8 closed: 6 without a session, 2 timed out\n", "")
}

func TestANodeThatWasRemovedTellsWhatBecomesOfItsClients(t *testing.T) {
	control := admintest.New(admin.Node{Name: "gone", State: admin.StateDraining, Connections: 5, Moves: &some})
	running(t, control, "")
	fermata(t.Context(), "status").has(t, 0, "\ngone: 22 moved, 8 closed: 6 without a session, 2 timed out\n", "")
}

// waiting drains reverb-1 and waits for it, looking again every millisecond.
func waiting(ctx context.Context, t *testing.T, timeout time.Duration) (out string, err error) {
	t.Helper()
	client, err := (&adminFlags{}).client()
	if err != nil {
		t.Fatal(err)
	}
	node, err := client.Drain(t.Context(), "reverb-1", admin.DrainRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	_, err = drainWait{client: client, out: &shown, timeout: timeout, every: time.Millisecond}.run(ctx, node)
	return shown.String(), err
}

func wantEnd(t *testing.T, err error, code int, message string) {
	t.Helper()
	if err == nil || exitCode(err) != code || !strings.Contains(err.Error(), message) {
		t.Errorf("got exit %d, %v, want %d, %s", exitCode(err), err, code, message)
	}
}

func TestInterruptingTheWaitLeavesTheDrainRunning(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	ctx, cancel := context.WithCancel(t.Context())
	control.Looked = cancel
	_, err := waiting(ctx, t, 0)
	wantEnd(t, err, 3, "interrupted: reverb-1 still has 30 clients; the drain goes on (fermata undrain reverb-1 ends it)")
	if got := control.Nodes(false).Nodes[0].State; got != admin.StateDraining {
		t.Errorf("got the state %s, want draining", got)
	}
}

func TestAWaitThatTakesTooLongIsExitCode3(t *testing.T) {
	running(t, threeNodes(), "")
	_, err := waiting(t.Context(), t, 20*time.Millisecond)
	wantEnd(t, err, 3, "not empty after 20ms: reverb-1 still has 30 clients; the drain goes on")
}

func TestADrainBehindItsDeadlineIsExitCode3(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	control.Looked = func() {
		control.Change("reverb-1", func(n *admin.Node) { n.Drain.Deadline = time.Now().Add(-time.Minute) })
	}
	_, err := waiting(t.Context(), t, 0)
	wantEnd(t, err, 3, "reverb-1 still has 30 clients, and the drain's deadline has passed")
}

func TestAnUndrainByAnotherEndsTheWait(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	control.Looked = func() { control.Undrain("reverb-1", admin.UndrainRequest{}) }
	_, err := waiting(t.Context(), t, 0)
	wantEnd(t, err, 1, "reverb-1 was undrained meanwhile, it has 30 clients")
}

func TestANodeThatIsTakenAwayEndsTheWait(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	control.Looked = func() { control.Remove("reverb-1") }
	_, err := waiting(t.Context(), t, 0)
	wantEnd(t, err, 1, "reverb-1 was taken out of the configuration meanwhile")
}
