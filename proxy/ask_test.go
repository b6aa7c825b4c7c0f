package proxy

import (
	"net/http"
	"testing"
)

func TestAnAnswerToAnUpgradeIsTheClientsUnlessAnotherNodeMayDoBetter(t *testing.T) {
	f := func(status int, want bool) {
		t.Helper()
		if err := checkAnswer(&http.Response{StatusCode: status}, &http.Request{}); (err == nil) != want {
			t.Errorf("%d: got %v, want it passed on: %v", status, err, want)
		}
	}
	f(103, false)
	f(199, false)
	f(200, true)
	f(403, true)
	f(499, true)
	f(500, false)
	f(599, false)
}
