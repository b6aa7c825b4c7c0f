package app

import (
	"errors"
	"sync"
	"testing"

	"fermata/health"
	"fermata/internal/admin"
	"fermata/internal/config"
)

// slowFile is a configuration whose file is read at once for the start, and for
// a reload not before it is released.
type slowFile struct {
	started sync.Once
	first   *config.Config
	reading chan struct{} // has one for each reload that waits
	release chan struct{}
}

func (f *slowFile) load() (c *config.Config, err error) {
	f.started.Do(func() { c = f.first })
	if c != nil {
		return c, nil
	}
	f.reading <- struct{}{}
	<-f.release
	return twoNodes(f.first.StateDir), nil
}

func TestAFileThatIsNeverReadHoldsUpItsReloadAlone(t *testing.T) {
	file := &slowFile{first: twoNodes(""), reading: make(chan struct{}, 1), release: make(chan struct{})}
	a, _, stop := run(t, file.load)
	defer close(file.release)
	reloaded := make(chan error, 1)
	go func() { _, err := a.Reload(); reloaded <- err }()
	within(t, "the reload begins", file.reading)

	does(t, "a drain", func() error { _, err := a.Drain("a", admin.DrainRequest{Force: true}); return err })
	does(t, "an undrain", func() error { _, err := a.Undrain("a", admin.UndrainRequest{}); return err })
	does(t, "a roll", func() error { _, err := a.SetRoll(admin.Roll{Nodes: []string{"b"}}); return err })
	does(t, "a change of health", func() error { a.checked("a", health.Result{Up: true, Changed: true, Reason: "test"}); return nil })
	does(t, "a look", func() error { a.Nodes(false); a.Roll(); return nil })
	stop()
	if err := within(t, "the reload ends with the stop", reloaded); !errors.Is(err, errNotServing) {
		t.Errorf("got %v, want %v", err, errNotServing)
	}
}

func TestAReloadTakesOverWhatItHasReadAtLast(t *testing.T) {
	file := &slowFile{first: twoNodes(""), reading: make(chan struct{}, 2), release: make(chan struct{})}
	a, _, _ := run(t, file.load)
	reloaded := make(chan error, 2)
	for range 2 {
		go func() { _, err := a.Reload(); reloaded <- err }()
	}
	within(t, "a reload begins", file.reading)
	does(t, "a drain meanwhile", func() error { _, err := a.Drain("a", admin.DrainRequest{Force: true}); return err })
	close(file.release)
	for range 2 {
		if err := within(t, "a reload", reloaded); err != nil {
			t.Error(err)
		}
	}
	if got := a.Nodes(false).Nodes[0]; got.State == admin.StateReady {
		t.Errorf("got %s, want the drain to outlast the reload", got.State)
	}
}

func TestAWatchThatIsStuckInAFileHoldsUpNoStop(t *testing.T) {
	a, _, stop := run(t, func() (*config.Config, error) { return twoNodes(""), nil })
	stuck := make(chan struct{})
	defer close(stuck)
	a.watches.Go(func() { <-stuck })
	stop()
}
