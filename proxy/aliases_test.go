package proxy

import (
	"fmt"
	"sync"
	"testing"
)

// wantAlias compares the present id of a client of app 1; empty: it is not known.
func wantAlias(t *testing.T, a *aliases, told, want string, moving bool) {
	t.Helper()
	is, known := a.of("1", told)
	if is.present != want || known != (want != "") || (is.moving != nil) != moving {
		t.Errorf("%s: got %q, moving %v, want %q, %v", told, is.present, is.moving != nil, want, moving)
	}
	if a.none() == (want != "") {
		t.Errorf("%s: got none %v, want the other", told, a.none())
	}
}

func TestAClientHasAnAliasUntilItGoes(t *testing.T) {
	var a aliases
	a.forget("1", "1.1", "2.2")
	wantAlias(t, &a, "1.1", "", false)
	a.set("1", "1.1", "2.2", nil)
	a.set("1", "1.1", "3.3", nil) // it moved again
	wantAlias(t, &a, "1.1", "3.3", false)
	if _, known := a.of("2", "1.1"); known {
		t.Error("got an alias in another app, want none")
	}
	a.forget("1", "1.1", "2.2") // another client, which was told the same
	wantAlias(t, &a, "1.1", "3.3", false)
	a.forget("1", "1.1", "3.3")
	wantAlias(t, &a, "1.1", "", false)
}

func TestAClientIsKnownToMoveUntilItsMoveIsOver(t *testing.T) {
	var a aliases
	a.set("1", "1.1", "1.1", nil)
	over := a.begin("1", "1.1", "1.1")
	wantAlias(t, &a, "1.1", "1.1", true)
	over() // given up
	wantAlias(t, &a, "1.1", "1.1", false)

	over = a.begin("1", "1.1", "1.1")
	first, _ := a.of("1", "1.1")
	a.set("1", "1.1", "2.2", nil)
	wantAlias(t, &a, "1.1", "2.2", true)
	over()
	<-first.moving
	wantAlias(t, &a, "1.1", "2.2", false)

	over = a.begin("1", "1.1", "1.1") // another client, which was told the same
	wantAlias(t, &a, "1.1", "2.2", false)
	over()

	over = a.begin("1", "1.1", "2.2")
	a.forget("1", "1.1", "2.2") // it has gone meanwhile
	over()
	wantAlias(t, &a, "1.1", "", false)
	a.begin("1", "1.1", "2.2")()
	wantAlias(t, &a, "1.1", "", false)
}

func TestAliasesAreSetAndLookedUpTogether(t *testing.T) {
	var a aliases
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id := fmt.Sprint(i)
			for range 1000 {
				a.set("1", id, id, nil)
				over := a.begin("1", id, id)
				a.set("1", id, "new"+id, nil)
				if got, _ := a.of("1", id); got.present != "new"+id || a.none() {
					t.Errorf("got %q, want %q", got.present, "new"+id)
				}
				over()
				a.forget("1", id, "new"+id)
			}
		})
	}
	all.Wait()
	if !a.none() {
		t.Error("got some aliases, want none")
	}
}
