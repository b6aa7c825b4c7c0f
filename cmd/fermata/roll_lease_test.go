package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

// rollerOf is a roll of reverb-1 and reverb-2 that looks often.
func rollerOf(t *testing.T, control *admintest.Control, command string) (r *roller, out *bytes.Buffer) {
	t.Helper()
	running(t, control, "")
	client, err := (&adminFlags{}).client()
	if err != nil {
		t.Fatal(err)
	}
	out = new(bytes.Buffer)
	return &roller{
		client: client, out: out, errOut: out, nodes: []string{"reverb-1", "reverb-2"}, command: command, every: time.Millisecond,
		again: "fermata roll --resume", runner: "deploy-1:100", renewEvery: time.Millisecond, patience: time.Minute,
	}, out
}

// checking has the nodes' checks pass, one at each look, for all members.
func checking(control *admintest.Control) {
	n := 0
	control.Looked = func() {
		n++
		for _, name := range []string{"reverb-1", "reverb-2"} {
			control.Change(name, func(node *admin.Node) { node.Checked = time.Unix(int64(n), 0) })
		}
	}
}

// whenDraining does something at the looks at a reverb-1 that is draining.
func whenDraining(control *admintest.Control, do func()) {
	control.Looked = func() {
		state := ""
		control.Change("reverb-1", func(n *admin.Node) { state = n.State })
		if state == admin.StateDraining {
			do()
		}
	}
}

func wantStopped(t *testing.T, err error, code int, want ...string) {
	t.Helper()
	for _, text := range want {
		if err == nil || exitCode(err) != code || !strings.Contains(err.Error(), text) {
			t.Errorf("got exit %d, %v, want %d and %q", exitCode(err), err, code, text)
		}
	}
}

func TestARollThatWasEndedElsewhereStopsWhileItWaitsForANode(t *testing.T) {
	control := threeNodes() // nobody ever leaves
	r, out := rollerOf(t, control, "echo never")
	whenDraining(control, func() { control.SetRoll(admin.Roll{}) })
	err := r.run(t.Context())
	wantStopped(t, err, exitRefused, "roll stopped at reverb-1: the roll is not run from here any more: it was ended\n  to do: reverb-1, reverb-2\n",
		"reverb-1 is draining, with 30 clients", "\n  from here nothing more is done")
	if strings.Contains(out.String(), "never") || strings.Contains(err.Error(), "go on with it") {
		t.Errorf("got\n%s%v\nwant nothing done after that, and no word of going on", out, err)
	}
}

func TestACommandThatRunsIsLeftToFinishWhenSomebodyElseTakesTheRoll(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	dir := t.TempDir()
	begun, ended, goOn := filepath.Join(dir, "begun"), filepath.Join(dir, "ended"), fifo(t, filepath.Join(dir, "go"))
	defer goOn.Close()
	r, out := rollerOf(t, control, fmt.Sprintf("echo > %s; read x < %s; echo > %s", begun, goOn.Name(), ended))
	lost := make(chan struct{}, 1)
	control.Lost = func() {
		select {
		case lost <- struct{}{}:
			fmt.Fprintln(goOn)
		default:
		}
	}
	taken := r.out
	r.out = writerFunc(func(text string) {
		taken.Write([]byte(text))
		if strings.Contains(text, "running") {
			control.TakeRoll("deploy-2:200")
		}
	})
	err := r.run(t.Context())
	wantStopped(t, err, exitRefused, "it is run by deploy-2:200 now", "reverb-1 is drained")
	for _, file := range []string{begun, ended} {
		if _, missing := os.Stat(file); missing != nil {
			t.Errorf("got %v, want a command that ran to its end", missing)
		}
	}
	if got := control.Roll(); got.Runner != "deploy-2:200" || strings.Contains(out.String(), "done, 1 of 2") {
		t.Errorf("got the roll %+v and\n%s\nwant it left alone", got, out)
	}
}

func TestWhatACommandHasComeToIsSaidWhenItsRollIsLost(t *testing.T) {
	held, lose := context.WithCancelCause(t.Context())
	if got := commandEnded(held, nil); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	lose(fmt.Errorf("%w: it was ended", admin.ErrRollLost))
	for want, err := range map[string]error{
		"it was ended; its command, which ran then, has ended well": nil,
		"it was ended; meanwhile its command failed: exit status 7": errors.New("its command failed: exit status 7"),
	} {
		if got := commandEnded(held, err); !errors.Is(got, admin.ErrRollLost) || !strings.HasSuffix(got.Error(), want) {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func TestTheLeaseIsRenewedWhileANodeIsDrained(t *testing.T) {
	control := threeNodes()
	r, _ := rollerOf(t, control, "exit 7")
	renewed, until := 0, time.Time{}
	control.Looked = func() {
		if now := control.Roll().Until; now.After(until) {
			renewed, until = renewed+1, now
		}
		if renewed == 3 {
			control.Change("reverb-1", func(n *admin.Node) { n.Connections = 0 })
		}
	}
	wantStopped(t, r.run(t.Context()), exitFailed, "its command failed: exit status 7", "go on with it: fermata roll --resume")
	if got := control.Roll(); got.Runner != "" || !got.Until.IsZero() || len(got.Nodes) != 2 {
		t.Errorf("got the roll %+v, want both nodes left, and that nobody runs it", got)
	}
}

func TestTheSecondOfTwoRollsIsRefused(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	r, _ := rollerOf(t, control, "true")
	second := make(map[string]output)
	checking(control)
	r.out = writerFunc(func(text string) {
		if strings.HasPrefix(text, "reverb-1: running") {
			second["anew"] = fermata(t.Context(), "roll", "--exec", "false")
			second["on"] = fermata(t.Context(), "roll", "--resume", "--exec", "false")
		}
	})
	if err := r.run(t.Context()); err != nil {
		t.Errorf("got %v, want the first to go on undisturbed", err)
	}
	second["anew"].has(t, exitRefused, "", "another roll is run by deploy-1:100, and has still to do reverb-1, reverb-2: wait for it, or end it with fermata roll --cancel\n")
	second["on"].want(t, exitRefused, "", "fermata: refused: another roll is run by deploy-1:100\n")
}

func TestCancelSaysWhoseRollItHasEndedAndWhatWasLeft(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	fermata(t.Context(), "roll", "--cancel").want(t, 0, "", "")
	control.SetRoll(admin.Roll{Nodes: []string{"reverb-2", "reverb-1"}})
	fermata(t.Context(), "roll", "--cancel").want(t, 0, "the roll is ended; it had still to do reverb-2, reverb-1\n", "")
	control.SetRoll(admin.Roll{Nodes: []string{"reverb-2"}, Runner: "deploy-1:100"})
	fermata(t.Context(), "roll", "--cancel").want(t, 0, "the roll that deploy-1:100 runs is ended; it had still to do reverb-2\n", "")
}

func TestARollWaitsForRedisThatIsAwayForAMoment(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	control.Cluster = &admin.Cluster{Name: "default", Member: "edge-1", Members: []admin.Member{{Name: "edge-1", Self: true, Ready: true}}}
	r, out := rollerOf(t, control, "true")
	checking(control)
	away := func(why string) { control.ChangeCluster(func(c *admin.Cluster) { c.Away = why }) }
	r.out = writerFunc(func(text string) {
		out.WriteString(text)
		switch {
		case strings.HasPrefix(text, "reverb-1: waiting for its check"):
			away("connection refused")
		case strings.Contains(text, "waiting for it for 1m"):
			away("")
		}
	})
	if err := r.run(t.Context()); err != nil {
		t.Errorf("got %v, want the roll to be done", err)
	}
	if want := "the cluster's Redis cannot be reached: connection refused; waiting for it for 1m0s\n"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%swant %s", out, want)
	}
}

func TestARollStopsWhenRedisStaysAway(t *testing.T) {
	control := threeNodes()
	control.Cluster = &admin.Cluster{Name: "default", Member: "edge-1"}
	r, _ := rollerOf(t, control, "true")
	r.patience = time.Millisecond
	control.Step = 30
	r.out = writerFunc(func(text string) {
		if strings.Contains(text, "running") {
			control.ChangeCluster(func(c *admin.Cluster) { c.Away = "connection refused" })
		}
	})
	checking(control)
	wantStopped(t, r.run(t.Context()), exitFailed, "roll stopped at reverb-1: the cluster's Redis cannot be reached: connection refused",
		"Fermata could not be told that it has stopped, and lets nobody go on with it for 30s\n  go on with it: ")
}

func TestANodeIsHealthyWhenTheChecksOfAllMembersHavePassed(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	both := func(health string, first, second int) admin.Node {
		return admin.Node{Health: admin.HealthUp, Checked: at(first), Members: []admin.MemberNode{
			{Member: "edge-1", ID: "a", Health: admin.HealthUp, Checked: at(first)},
			{Member: "edge-2", ID: "b", Health: health, Reason: "refused", Checked: at(second)},
		}}
	}
	passed := make(checksPassed)
	want := func(want string, node admin.Node) {
		t.Helper()
		if got := passed.missing(node); got != want {
			t.Errorf("got %q after %v, want %q", got, passed, want)
		}
	}
	want("no two checks passed since on edge-1, no two checks passed since on edge-2", both(admin.HealthUp, 1, 1))
	want("no two checks passed since on edge-1, no two checks passed since on edge-2", both(admin.HealthUp, 2, 2))
	want("no two checks passed since on edge-2", both(admin.HealthUp, 3, 2))
	want("down on edge-2: refused", both(admin.HealthDown, 4, 2))
	want("down on edge-2: refused", both(admin.HealthDown, 5, 3))
	want("", both(admin.HealthUp, 5, 3))
	alone := make(checksPassed)
	if got, want := alone.missing(admin.Node{Health: admin.HealthDown, Reason: "refused"}), "down: refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnInterruptEndsARollAndItsLease(t *testing.T) {
	control := threeNodes()
	r, _ := rollerOf(t, control, "true")
	ctx, cancel := context.WithCancel(t.Context())
	whenDraining(control, cancel)
	wantStopped(t, r.run(ctx), exitNotInTime, "roll stopped at reverb-1: interrupted", "go on with it: fermata roll --resume")
	if got := control.Roll(); got.Runner != "" {
		t.Errorf("got %+v, want that nobody runs it", got)
	}
}

// A node of a Compose service is not in DNS while its container restarts.
func TestARollWaitsForANodeThatIsAwayDuringItsRestart(t *testing.T) {
	f := func(discovered string, back bool, want string) {
		t.Helper()
		control := threeNodes()
		control.Step = 30
		control.Change("reverb-1", func(n *admin.Node) { n.Discovered = discovered })
		restarted := filepath.Join(t.TempDir(), "restarted")
		r, _ := rollerOf(t, control, "touch "+restarted)
		r.nodes, r.timeout = []string{"reverb-1"}, time.Minute
		if !back {
			r.timeout = 2 * time.Second
		}
		looks, name := 0, "reverb-1"
		control.Looked = func() {
			if _, err := os.Stat(restarted); err != nil {
				return
			}
			looks++
			control.Change(name, func(n *admin.Node) {
				if n.Name = "away"; back && looks > 3 {
					n.Name, n.Checked = "reverb-1", time.Unix(int64(looks), 0)
				}
				name = n.Name
			})
		}
		err := r.run(t.Context())
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("dns reverb", true, "<nil>")
	f("dns reverb", false, "reverb-1: not healthy after 2s: no longer found by dns reverb")
	f("", true, "roll stopped at reverb-1: reverb-1 was taken out of the configuration meanwhile")
}
