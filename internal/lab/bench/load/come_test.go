//go:build linux

package load

import (
	"strings"
	"testing"
)

func TestWhoComesIsServedOrHasFailed(t *testing.T) {
	_, addresses := newNode(t)
	g := newGenerator(t)
	var came, failed Came
	if err := g.Come(Come{App: "a", Secret: "secret", Address: addresses[0], Rate: 1000, Number: 10}, &came); err != nil {
		t.Fatal(err)
	}
	if len(came.Took) != 10 || came.Failed != 0 || came.Why != "" {
		t.Errorf("got %+v, want ten that are served", came)
	}
	if err := g.Come(Come{App: "a", Address: "127.0.0.2:1", Rate: 1000, Number: 2}, &failed); err != nil {
		t.Fatal(err)
	}
	if len(failed.Took) != 0 || failed.Failed != 2 || !strings.Contains(failed.Why, "refused") {
		t.Errorf("got %+v, want two that are refused", failed)
	}
}
