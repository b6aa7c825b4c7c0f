package certs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a watcher whose reports are kept, polled by hand.
type watched struct {
	watcher
	reports []error
}

func watch(t *testing.T, pairs ...Pair) *watched {
	t.Helper()
	w := &watched{watcher: watcher{store: mustLoad(t, pairs...)}}
	w.changed = func(err error) { w.reports = append(w.reports, err) }
	return w
}

// pollReports polls several times, and returns what was reported meanwhile.
func (w *watched) pollReports() []error {
	w.reports = nil
	for range 3 {
		w.poll(time.Now())
	}
	return w.reports
}

func (w *watched) served() string {
	return w.store.current.Load().certs[0].Leaf.Subject.CommonName
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	writeFile(t, to, readText(t, from))
}

func (w *watched) wantQuiet(t *testing.T, served string) {
	t.Helper()
	if reports := w.pollReports(); len(reports) != 0 || w.served() != served {
		t.Errorf("got reports %v and %s served, want none and %s", reports, w.served(), served)
	}
}

func (w *watched) wantSwap(t *testing.T, served string) {
	t.Helper()
	if reports := w.pollReports(); len(reports) != 1 || reports[0] != nil || w.served() != served {
		t.Errorf("got reports %v and %s served, want one swap to %s", reports, w.served(), served)
	}
}

func (w *watched) wantRefused(t *testing.T, served string) error {
	t.Helper()
	reports := w.pollReports()
	if len(reports) != 1 || reports[0] == nil || w.served() != served {
		t.Fatalf("got reports %v and %s served, want one error and %s", reports, w.served(), served)
	}
	return reports[0]
}

func TestChangedFilesAreSwappedIn(t *testing.T) {
	now := time.Now()
	p, next := writePair(t, now, "old.example.com"), writePair(t, now, "new.example.com")
	w := watch(t, p)
	w.wantQuiet(t, "old.example.com")
	copyFile(t, next.Cert, p.Cert)
	copyFile(t, next.Key, p.Key)
	w.wantSwap(t, "new.example.com")
	w.wantQuiet(t, "new.example.com")
}

func TestHalfWrittenFilesLeaveTheRunningPair(t *testing.T) {
	now := time.Now()
	p, next := writePair(t, now, "old.example.com"), writePair(t, now, "new.example.com")
	w := watch(t, p)
	writeFile(t, p.Cert, readText(t, next.Cert)[:100])
	w.wantRefused(t, "old.example.com")
	copyFile(t, next.Cert, p.Cert) // whole, but the key is still the old one
	w.wantRefused(t, "old.example.com")
	writeFile(t, p.Key, "")
	w.wantRefused(t, "old.example.com")
	copyFile(t, next.Key, p.Key)
	w.wantSwap(t, "new.example.com")
}

func TestAnExpiredPairIsNotSwappedIn(t *testing.T) {
	now := time.Now()
	p, old := writePair(t, now, "a.example.com"), writePair(t, now.AddDate(-1, 0, 0), "b.example.com")
	w := watch(t, p)
	copyFile(t, old.Cert, p.Cert)
	copyFile(t, old.Key, p.Key)
	w.wantRefused(t, "a.example.com")
}

// One of several is never renewed, and has long been expired.
func TestARenewedPairIsSwappedInBesideAnExpiredOne(t *testing.T) {
	now := time.Now()
	p, next := writePair(t, now, "old.example.com"), writePair(t, now, "new.example.com")
	expired := writePair(t, now.AddDate(-1, 0, 0), "b.example.com")
	w := watch(t, p, expired)
	copyFile(t, next.Cert, p.Cert)
	copyFile(t, next.Key, p.Key)
	w.wantSwap(t, "new.example.com")
	copyFile(t, next.Cert, expired.Cert)
	copyFile(t, next.Key, expired.Key)
	w.wantSwap(t, "new.example.com")
}

func TestAMissingFileIsReportedOnceAndItsReturnIsNoSwap(t *testing.T) {
	p := writePair(t, time.Now(), "a.example.com")
	w := watch(t, p)
	text := readText(t, p.Key)
	for range 2 { // the same trouble again, after it was over, is reported again
		os.Remove(p.Key)
		if err := w.wantRefused(t, "a.example.com"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
		writeFile(t, p.Key, text)
		w.wantQuiet(t, "a.example.com")
	}
}

func TestASymlinkedFolderCanBeSwapped(t *testing.T) {
	now := time.Now()
	oldDir := filepath.Dir(writePair(t, now, "old.example.com").Cert)
	newDir := filepath.Dir(writePair(t, now, "new.example.com").Cert)
	link := filepath.Join(t.TempDir(), "live")
	if err := os.Symlink(oldDir, link); err != nil {
		t.Fatal(err)
	}
	w := watch(t, Pair{Cert: filepath.Join(link, "cert.pem"), Key: filepath.Join(link, "key.pem")})
	os.Remove(link)
	if err := os.Symlink(newDir, link); err != nil {
		t.Fatal(err)
	}
	w.wantSwap(t, "new.example.com")
}

func TestReplacedPairsAreTheWatchedOnes(t *testing.T) {
	now := time.Now()
	first, second, third := writePair(t, now, "a.example.com"), writePair(t, now, "b.example.com"), writePair(t, now, "c.example.com")
	w := watch(t, first)
	w.store.Replace(mustLoad(t, second))
	w.wantQuiet(t, "b.example.com")
	os.Remove(first.Cert)
	w.wantQuiet(t, "b.example.com")
	copyFile(t, third.Cert, second.Cert)
	copyFile(t, third.Key, second.Key)
	w.wantSwap(t, "c.example.com")
}

func TestWatchPollsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, next := writePair(t, time.Now(), "old.example.com"), writePair(t, time.Now(), "new.example.com")
		store := mustLoad(t, p)
		copyFile(t, next.Cert, p.Cert)
		copyFile(t, next.Key, p.Key)
		ctx, cancel := context.WithCancel(t.Context())
		reports, done := make(chan error, 1), make(chan struct{})
		go func() {
			defer close(done)
			store.Watch(ctx, time.Minute, func(err error) { reports <- err })
		}()
		if err := <-reports; err != nil {
			t.Errorf("got %v, want a swap", err)
		}
		cancel()
		<-done
	})
}
