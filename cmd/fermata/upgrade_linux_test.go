package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// upgrade has Fermata replaced, and sees to it that the process which serves then is
// gone when the test ends.
func upgrade(t *testing.T, s *apptest.Stack, args ...string) admin.Upgraded {
	t.Helper()
	code, out, errOut := cli(s, append([]string{"upgrade", "--json"}, args...)...)
	var u admin.Upgraded
	if code != exitDone || json.Unmarshal([]byte(out), &u) != nil {
		t.Fatalf("upgrade: got exit %d, %s%s", code, out, errOut)
	}
	t.Cleanup(func() { endProcess(s, u.PID) })
	return u
}

// endProcess kills a process, which may be nobody's child that waits here, and waits
// for its end.
func endProcess(s *apptest.Stack, pid int) {
	s.T.Helper()
	_ = syscall.Kill(pid, syscall.SIGKILL)
	s.Eventually(fmt.Sprintf("process %d is gone", pid), func() bool { return isGone(pid) })
}

// isGone is whether a process has ended; one that nobody has waited for has, too.
func isGone(pid int) bool { return !isRunning(pid) }

// stream are clients that come, one after the other, talk and go.
type stream struct {
	t       *testing.T
	clients sync.WaitGroup
	end     chan struct{}
	mu      sync.Mutex
	came    int
	failed  []error
}

// comeEvery has one client come in each such time until stop.
func comeEvery(s *apptest.Stack, every time.Duration, come func() error) *stream {
	st := &stream{t: s.T, end: make(chan struct{})}
	st.clients.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-st.end:
				return
			case <-tick.C:
				st.clients.Go(func() { st.note(come()) })
			}
		}
	})
	return st
}

func (st *stream) note(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.came++
	if err != nil {
		st.failed = append(st.failed, err)
	}
}

// stop wants nobody to have failed.
func (st *stream) stop() {
	st.t.Helper()
	close(st.end)
	st.clients.Wait()
	if len(st.failed) > 0 || st.came == 0 {
		st.t.Errorf("%d of %d clients that came have failed, the first: %v", len(st.failed), st.came, st.failed[:min(1, len(st.failed))])
	}
	st.t.Logf("%d clients came", st.came)
}

// comeAndGo is a client that connects, talks, and leaves.
func comeAndGo(s *apptest.Stack) func() error {
	return func() error {
		p, err := s.TryDial()
		if err != nil {
			return err
		}
		return p.CloseNow()
	}
}

func TestNobodyNoticesTenUpgradesInARow(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, _ := serveApart(t, "")
	var live []*apptest.Peer
	for range 20 {
		live = append(live, s.Dial())
	}
	newcomers := comeEvery(s, 5*time.Millisecond, comeAndGo(s))
	plain := comeEvery(s, 20*time.Millisecond, func() error {
		answer, err := http.Get("http://" + s.Address + "/up")
		if err == nil {
			answer.Body.Close()
		}
		return err
	})
	for range 10 {
		u := upgrade(t, s)
		if u.HandedOver < len(live) {
			t.Errorf("got %d clients handed over, want %d at least", u.HandedOver, len(live))
		}
		for _, p := range live {
			p.Answers()
		}
	}
	newcomers.stop()
	plain.stop()
	for _, p := range live {
		p.Answers()
	}
	s.Eventually("all but the last process are gone", func() bool {
		list, err := s.API().Nodes(t.Context(), false)
		return err == nil && len(list.Predecessors) == 0
	})
}

// isRunning is whether a process is there and has not ended.
func isRunning(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}
