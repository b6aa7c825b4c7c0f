package devnode

import "testing"

func TestAnUnwelcomeClientIsToldSoAndWorks(t *testing.T) {
	n := start(t, Options{Faults: Faults{Unwelcome: 4004}})
	p := connect(t, n, nil)
	p.wantError(protocolError{4004, "Unwelcome"})
	p.subscribe(n, "news", "")
}

func TestAForbiddenSubscriptionIsNone(t *testing.T) {
	n := start(t, Options{Faults: Faults{Forbid: 4009}})
	p := greeted(t, n)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	p.wantError(protocolError{4009, "Forbidden"})
	n.Publish("news", "said", "")
	p.wantSilence()
}

func TestASubscriptionWithoutAnAnswerIsNone(t *testing.T) {
	n := start(t, Options{Faults: Faults{NoAnswer: true}})
	p := greeted(t, n)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	n.Publish("news", "said", "")
	p.wantSilence()
}

func TestANodeDiesAtASubscription(t *testing.T) {
	n := start(t, Options{Faults: Faults{DieAtSubscribe: true}})
	p, other := greeted(t, n), greeted(t, n)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	p.wantEnd(-1)
	other.wantEnd(-1)
	<-n.Done()
}

func TestANodeFreezesAtASubscriptionAndAnswersWhenItIsThawed(t *testing.T) {
	n := start(t, Options{Faults: Faults{FreezeAtSubscribe: true}})
	p := greeted(t, n)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	waitFor(t, n, func(s Stats) bool { return s.Subscribed == 1 })
	n.Thaw()
	p.want("pusher_internal:subscription_succeeded")
}
