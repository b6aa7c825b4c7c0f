package proxy

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/internal/pusher"
	"fermata/proxy/session"
)

// posts notes the requests, each of which takes a second.
type posts struct {
	mu  sync.Mutex
	all [][]string
	err error
}

func (p *posts) post(_ lane, channels []string) error {
	time.Sleep(time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, channels)
	return p.err
}

func TestMarkersThatComeDuringARequestShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		var p posts
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		var all sync.WaitGroup
		for i := range 1 + mostMarkers + 3 {
			all.Go(func() {
				if err := m.publish(t.Context(), at, fmt.Sprint(i), p.post); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		if len(p.all) != 3 || len(p.all[0]) != 1 || len(p.all[1]) != mostMarkers || len(p.all[2]) != 3 {
			t.Errorf("got %d requests, want one of 1, one of %d, one of 3 markers", len(p.all), mostMarkers)
		}
		m.running.Wait()
		if len(m.lanes) != 0 {
			t.Errorf("got %d lanes, want that they are forgotten", len(m.lanes))
		}
	})
}

func TestARequestThatFailsFailsAllItsMarkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		p := posts{err: errors.New("401")}
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := m.publish(t.Context(), at, fmt.Sprint(i), p.post); err == nil {
					t.Error("got no error")
				}
			})
		}
		all.Wait()
		m.running.Wait()
	})
}

func TestAClientThatGivesUpLeavesItsMarkerToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		var p posts
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		first, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if err := m.publish(first, at, "first", p.post); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want that its time is over", err)
			}
		})
		all.Go(func() {
			if err := m.publish(t.Context(), at, "second", p.post); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		m.running.Wait()
	})
}

// Before Reverb 1.9 a node with a path prefix checked the signature of the whole path.
func TestAMarkerIsSignedForTheWholePathWhereTheNodeWantsThat(t *testing.T) {
	f := func(prefix, signed string, otherwise int, wantPosts int, wantErr bool) {
		t.Helper()
		posts := 0
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			posts++
			body, _ := io.ReadAll(r.Body)
			if q, ok := pusher.ReadQuery(r.URL.RawQuery); ok && q.SignedBy(knownApp.Secret, http.MethodPost, signed, md5.Sum(body)) {
				return
			}
			w.WriteHeader(otherwise)
		}))
		defer node.Close()
		h := handlerOf(balancer.New([]balancer.NodeOptions{{Name: "a", URL: balancer.URL{Host: node.Listener.Addr().String()}, Weight: 1}}, balancer.DefaultSticky()))
		h.change(func(o *Options) { o.PathPrefix, o.Session, o.Limits = prefix, DefaultSession(), DefaultLimits() })
		h.engine = &hooked{dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}}
		err := h.postMarkers(lane{h.pool.Nodes()[0].Node, &knownApp}, []string{"fermata-1"})
		h.toNodes.base.CloseIdleConnections()
		if posts != wantPosts || (err != nil) != wantErr {
			t.Errorf("below %q, signed for %q: got %d posts and %v, want %d and an error %v", prefix, signed, posts, err, wantPosts, wantErr)
		}
	}
	const path = "/apps/" + devnode.DefaultAppID + "/events"
	f("", path, 401, 1, false)
	f("/ws", path, 401, 1, false)
	f("/ws", "/ws"+path, 401, 2, false)
	f("/ws", "/ws"+path, 500, 1, true)
	f("", "/elsewhere", 401, 1, true)
	f("/ws", "/elsewhere", 401, 2, true)
}
