package devnode

import "testing"

func TestANodeWithADeadConnectionToRedisAnswersAndDeliversNothing(t *testing.T) {
	bus := startBus(t)
	a, b := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	here, there := greeted(t, a), greeted(t, b)
	here.subscribe(a, "news", "")
	there.subscribe(b, "news", "")
	post := func(n *Node, name string) {
		t.Helper()
		body := []byte(`{"name":"` + name + `","channel":"news","data":"{}"}`)
		if status, text := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, string(body)); status != 200 {
			t.Errorf("got %d %s, want 200", status, text)
		}
	}
	a.SetFaults(Faults{LoseOut: true})
	post(a, "one")
	a.SetFaults(Faults{})
	post(a, "two")
	here.want("two")
	there.want("two")
	a.SetFaults(Faults{LoseIn: true})
	post(a, "three")
	there.want("three")
	here.send(`{"event":"pusher:ping","data":{}}`)
	here.want("pusher:pong")
}
