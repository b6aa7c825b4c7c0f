package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"fermata/balancer"
)

func TestAnAnswerShowsTheLoadOfItsNodeByTheTimeItTook(t *testing.T) {
	f := func(method, target string, err error, took time.Duration, want balancer.Answer) {
		t.Helper()
		if got := shows(httptest.NewRequest(method, target, nil), err, took); got != want {
			t.Errorf("%s %s with %v after %v: got %d, want %d", method, target, err, took, got, want)
		}
	}
	const signed = "/apps/1/channels?auth_signature=x"
	f("GET", "/up", nil, 0, balancer.AnswerPrompt)
	f("GET", "/up", nil, promptly, balancer.AnswerPrompt)
	f("GET", "/up", nil, promptly+1, balancer.AnswerSlow)
	f("GET", signed, nil, 0, balancer.AnswerNothing) // it may have waited for other nodes
	f("GET", signed, nil, time.Minute, balancer.AnswerNothing)
	f("POST", signed, nil, 0, balancer.AnswerPrompt)
	f("POST", signed, nil, time.Minute, balancer.AnswerSlow)
	f("GET", "/up", errors.New("reset"), 0, balancer.AnswerNothing)
	f("GET", "/up", errors.New("reset"), time.Minute, balancer.AnswerSlow)
	f("POST", "/up", fmt.Errorf("the client: %w", context.Canceled), time.Minute, balancer.AnswerNothing)
}
