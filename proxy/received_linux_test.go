package proxy

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fermata/balancer"
	"fermata/proxy/session"
)

// sockets are two that nobody has the other ends of.
func (s *scene) sockets() (client, node int) {
	s.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.Fatal(err)
	}
	return fds[0], fds[1]
}

// file is an open file by its descriptor.
type file struct {
	fd  int
	was unix.Stat_t
}

func (s *scene) file(fd int) (f file, open bool) {
	f.fd = fd
	return f, unix.Fstat(fd, &f.was) == nil
}

// isOpen is whether the descriptor is still that of the file, and not of another one.
func (f file) isOpen() bool {
	var is unix.Stat_t
	return unix.Fstat(f.fd, &is) == nil && is.Ino == f.was.Ino && is.Dev == f.was.Dev
}

// changed is the state of a client, changed.
func changed(t testing.TB, state []byte, change func(all map[string]any)) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(state, &all); err != nil {
		t.Fatal(err)
	}
	change(all)
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAClientThatCannotBeIsNotReceived(t *testing.T) {
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	c := s.listen()
	c.join("news")
	l := s.detachOne()
	set := func(key string, value any) []byte {
		return changed(t, l.State(), func(all map[string]any) { all[key] = value })
	}
	ofSession := func(key string, value any) []byte {
		return changed(t, l.State(), func(all map[string]any) { all["session"].(map[string]any)[key] = value })
	}
	for name, state := range map[string][]byte{
		"nothing":                      nil,
		"no JSON":                      []byte("{"),
		"an empty state":               []byte("{}"),
		"an unknown node":              set("node", "reverb-9"),
		"a node at another address":    set("url", "http://127.0.0.1:1"),
		"an age below zero":            set("age", -1),
		"an age that overflows":        set("age", int64(1)<<62),
		"no address of a client":       set("ip", "nowhere"),
		"a request id with a new line": set("request_given", "a\nb"),
		"a host with a space":          set("host", []byte("a b")),
		"a host that was not cut":      set("host", []byte(strings.Repeat("a", 200))),
		"too many tries":               set("tries", 1<<16),
		"no state of the relay":        set("relay", nil),
		"another relay's state":        set("relay", []int{1}),
		"a session without an id":      ofSession("told", ""),
		"a subscription to nothing":    ofSession("subscriptions", []map[string]string{{"channel": "a"}, {"data": "{}"}}),
		"a target with a new line":     ofSession("target", []byte("/a\r\nb")),
		"no target":                    ofSession("target", nil),
		"a target that is too long":    ofSession("target", []byte("/"+strings.Repeat("a", 600))),
		"an origin with a new line":    ofSession("origin", []byte("a\r\nHost: b")),
		"a node that it has not had":   ofSession("at", int64(1)<<61),
		"moves below zero":             ofSession("moved", -1),
	} {
		client, node := s.sockets()
		ofClient, _ := s.file(client)
		ofNode, _ := s.file(node)
		if a, err := next.h.Receive(client, node, state); err == nil {
			t.Errorf("%s: got a client, want an error", name)
			a.Drop()
		} else if text := err.Error(); !strings.HasPrefix(text, "receive a client: ") || strings.Contains(text, "\n") {
			t.Errorf("%s: got %q, want one line", name, text)
		}
		if ofClient.isOpen() || ofNode.isOpen() {
			t.Errorf("%s: got the descriptors open, want them closed", name)
		}
		next.wantCounted(name, nobody)
	}
	if a, err := next.h.Receive(-1, -1, l.State()); err == nil {
		t.Errorf("got %v without descriptors, want an error", a)
	}
	next.wantCounted("without descriptors", nobody)
	next.stop()
	<-next.h.stopping.Done()
	if _, err := s.copy(l, next); err == nil {
		t.Error("got a client received while it stops, want an error")
	}
	l.Resume()
	c.answers()
	c.CloseNow()
	next.wantNothingLeft(0, 0)
	s.wantNothingLeft(1, 0)
}

// Each field of a state is what the next process says of the client, too.
func TestAllThatIsKnownOfAClientGoesWithIt(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	next, last := s.successor(), s.successor()
	c := s.listen()
	c.join("presence-room")
	l := s.detachOne()
	l.state = changed(t, l.state, func(all map[string]any) {
		maps.Copy(all, map[string]any{
			"ip": "2001:db8::1", "trusted": true, "secure": true, "host": []byte("a\xff"), "path": []byte("/\x00\xff"), "request_given": "a:b", "request_own": uint64(math.MaxUint64),
			"age": time.Hour, "pick": "full", "preferred": "reverb-2", "pinned": true, "tries": 3,
		})
		maps.Copy(all["session"].(map[string]any), map[string]any{
			"present": "5.6", "target": []byte("/app/\xff?a=b"), "origin": []byte("https://a \xff"), "moved": 7, "hasty": 2, "at": time.Minute,
		})
	})
	s.give(l, next).Start()
	c.join("\u00e9<")
	arrived := next.detachOne()
	next.give(arrived, last).Start()
	leaving := last.detachOne()
	leaving.Resume()
	got, want := known(t, leaving), known(t, arrived)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	for field, value := range known(t, l) {
		if got := want[field]; field != "session" && !reflect.DeepEqual(got, value) {
			t.Errorf("%s: got %v, want %v", field, got, value)
		}
	}
	of := reflect.TypeFor[clientState]()
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "age" && name != "relay" && want[name] == nil {
			t.Errorf("%s: got nothing, want it in this test", name)
		}
	}
	c.CloseNow()
	last.wantNothingLeft(1, 0)
	next.wantNothingLeft(0, 0)
	s.wantNothingLeft(0, 0)
}

// known is a state, but for what is different each time.
func known(t *testing.T, l *Leaving) (all map[string]any) {
	t.Helper()
	if err := json.Unmarshal(l.State(), &all); err != nil {
		t.Fatal(err)
	}
	if age, _ := all["age"].(float64); time.Duration(age) < time.Hour {
		t.Errorf("got an age of %s, want an hour and more", time.Duration(age))
	}
	delete(all, "age")
	delete(all, "relay")
	return all
}

func TestAFieldThatIsNotKnownIsIgnored(t *testing.T) {
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	c := s.listen()
	l := s.detachOne()
	l.state = changed(t, l.state, func(all map[string]any) {
		all["of_a_later_version"] = map[string]int{"a": 1}
		all["session"].(map[string]any)["more"] = "b"
	})
	s.give(l, next).Start()
	c.answers()
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}

func TestAClientOfAnAppThatHasChangedIsRelayedWithoutASession(t *testing.T) {
	t.Parallel()
	for name, apps := range map[string][]session.App{
		"it is gone":          nil,
		"its secret is other": {{ID: knownApp.ID, Key: knownApp.Key, Secret: "other"}},
		"its id is other":     {{ID: "other", Key: knownApp.Key, Secret: knownApp.Secret}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPredecessor(t, 2)
			s.serve()
			next := s.successor()
			next.change(func(o *Options) { o.Apps = apps })
			c := s.listen()
			c.join("news")
			want := s.counted()
			s.handOver(next)
			want.sessions, want.subscriptions, want.aliases = "00", 0, 0
			next.wantCounted("received", want)
			s.wantCounted("gone", nobody)
			c.answers()
			next.drain(next.nodeOf())
			if code := c.ended(); code != 4200 {
				t.Errorf("got %d, want 4200 as nobody can move it", code)
			}
			next.wantNothingLeft(1, 0)
			s.wantNothingLeft(0, 0)
		})
	}
}

func TestAReceivedClientHasTheOptionsOfItsNewProcess(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 1)
	s.serve()
	next := s.successor()
	next.change(func(o *Options) { o.Limits.MaxMessageBytes, o.Session.MaxSubscriptions = 1000, 1 })
	c := s.listen()
	c.join("news")
	c.join("private-orders")
	s.handOver(next)
	if got := next.counted(); got.subscriptions != 0 {
		t.Errorf("got %d subscriptions followed, want none of a client with more than it may have", got.subscriptions)
	}
	c.answers()
	c.say("pusher:ping", strings.Repeat("x", 1000))
	if code := c.ended(); code != 1009 {
		t.Errorf("got %d, want 1009 for a message that is too large there", code)
	}
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}

// FuzzReceive gives a Handler what a hostile process may say of a client.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"node":"reverb-1","url":"http://10.0.0.1:80","ip":"192.0.2.1","host":"YQ==","path":"Lw==","age":5,"app":"devnode-key","relay":{}}`))
	f.Add([]byte(`{"node":"reverb-1","url":"http://10.0.0.1:80","age":5,"session":{"app":"` + knownApp.ID + `","told":"1.2","target":"L2E=","subscriptions":[{"channel":"a"}]},"relay":{"to_node":{}}}`))
	url := balancer.URL{Host: "10.0.0.1:80"}
	pool := balancer.New([]balancer.NodeOptions{{Name: "reverb-1", URL: url, Weight: 1}}, balancer.DefaultSticky())
	h := handlerOf(pool)
	h.SetOptions(Options{Timeouts: DefaultTimeouts(), Apps: []session.App{knownApp}})
	f.Fuzz(func(t *testing.T, state []byte) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, err := h.Receive(fds[0], fds[1], state)
		if err == nil {
			if n := pool.Nodes()[0]; n.Connections != 1 {
				t.Errorf("%s: got %d clients at the node, want 1", state, n.Connections)
			}
			a.Drop()
		}
		h.Wait()
		if now, _ := h.Clients(); now != 0 || h.open.Open() != 0 || pool.Nodes()[0].Connections != 0 || !h.aliases.none() || len(h.tallies.apps) != 0 {
			t.Errorf("%s: got somebody counted, want nobody", state)
		}
		for _, each := range h.Subscriptions() {
			if each.Count != 0 {
				t.Errorf("%s: got subscriptions counted, want none", state)
			}
		}
	})
}
