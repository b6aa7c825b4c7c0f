package proxy

import (
	"fmt"
	"sync"
	"testing"
)

func TestAMovedClientHasAnAliasUntilItGoes(t *testing.T) {
	var a aliases
	f := func(app, told, want string) {
		t.Helper()
		if got, moved := a.present(app, told); got != want || moved != (want != "") {
			t.Errorf("%s of app %s: got %q, %v, want %q", told, app, got, moved, want)
		}
	}
	a.forget("1", "1.1", "2.2")
	f("1", "1.1", "")
	if !a.none() {
		t.Error("got some aliases, want none")
	}
	a.set("1", "1.1", "2.2")
	a.set("1", "1.1", "3.3") // it moved again
	f("1", "1.1", "3.3")
	f("2", "1.1", "")
	a.forget("1", "1.1", "2.2") // another client, which was told the same
	f("1", "1.1", "3.3")
	a.forget("1", "1.1", "3.3")
	f("1", "1.1", "")
	if !a.none() {
		t.Error("got some aliases, want none")
	}
}

func TestAliasesAreSetAndLookedUpTogether(t *testing.T) {
	var a aliases
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id := fmt.Sprint(i)
			for range 1000 {
				a.set("1", id, id)
				if got, _ := a.present("1", id); got != id || a.none() {
					t.Errorf("got %q, want %q", got, id)
				}
				a.forget("1", id, id)
			}
		})
	}
	all.Wait()
	if !a.none() {
		t.Error("got some aliases, want none")
	}
}
