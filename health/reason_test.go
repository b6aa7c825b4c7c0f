package health

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatANodeSendsIsReportedAsOneShortPlainLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{err: errors.New("a\x1b[2J\nb" + strings.Repeat("é", 1000))}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second})
		node.wantResults(t, Result{Changed: true, Reason: "a [2J b" + strings.Repeat("é", 153) + "…", Fault: FaultBadAnswer})
	})
}

func TestALineThatIsJustShortEnoughIsWhole(t *testing.T) {
	whole := strings.Repeat("é", 160)
	if got := plain(whole); got != whole {
		t.Errorf("got %q, want all 160 characters", got)
	}
	if got, want := plain(whole+"e"), whole+"…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
