package proxy

import "testing"

func TestAMoveWaitsForTheRequestsThatCameBeforeIt(t *testing.T) {
	var p publications
	over := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	want := func(what string, c <-chan struct{}, want bool) {
		t.Helper()
		if over(c) != want {
			t.Errorf("%s: got %v, want %v", what, !want, want)
		}
	}
	idle, leave := p.earlier("1")
	want("nobody is under way", idle, true)
	leave()

	a, b := p.enter("1"), p.enter("1")
	elsewhere, leave := p.earlier("2")
	defer leave()
	want("requests of another app", elsewhere, true)
	first, leaveFirst := p.earlier("1")
	c := p.enter("1")
	second, leaveSecond := p.earlier("1")
	gone, leaveGone := p.earlier("1")
	leaveGone() // its client has gone
	b()
	want("one of two is answered", first, false)
	a()
	want("both are answered", first, true)
	want("a later request is not", second, false)
	c()
	want("that is, too", second, true)
	want("who has left is not told", gone, false)
	leaveFirst()
	leaveSecond()
	for app, l := range p.apps {
		if l.Len() != 0 {
			t.Errorf("app %s: got %d left, want none", app, l.Len())
		}
	}
}
