package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/admin/endpoint"
	"fermata/internal/lab/port"
)

func client(t *testing.T, address, token string) *admin.Client {
	t.Helper()
	c, err := admin.NewClient(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheClientCanDoAllThatTheAPICan(t *testing.T) {
	control := twoNodes()
	c := client(t, start(t, server(control, "secret")), "secret")
	ctx := t.Context()
	if nodes, err := c.Nodes(ctx, false); err != nil || len(nodes.Nodes) != 2 || nodes.Nodes[0].Name != "reverb-1" {
		t.Errorf("Nodes: got %v, %v", nodes, err)
	}
	if node, err := c.Drain(ctx, "reverb-1", admin.DrainRequest{Rate: new(5)}); err != nil || node.Drain.Rate != 5 {
		t.Errorf("Drain: got %v, %v", node, err)
	}
	if node, err := c.Node(ctx, "reverb-1", false); err != nil || node.State != admin.StateDraining {
		t.Errorf("Node: got %v, %v", node, err)
	}
	if node, err := c.Undrain(ctx, "reverb-1", admin.UndrainRequest{}); err != nil || node.State != admin.StateReady {
		t.Errorf("Undrain: got %v, %v", node, err)
	}
	if got, err := c.Explain(ctx, "10.0.0.1", "a&b"); err != nil || got.Reason != `ip 10.0.0.1, cookie "a&b"` {
		t.Errorf("Explain: got %v, %v", got, err)
	}
	if _, err := c.Reload(ctx); err != nil {
		t.Errorf("Reload: got %v", err)
	}
}

func TestTheClientSpeaksOverAUnixSocketAndABareAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	listener := listen(t, "unix:"+path)
	web := httptest.NewUnstartedServer(admin.New(endpoint.Options{Address: "unix:" + path}, twoNodes(), exposition))
	web.Listener.Close()
	web.Listener = listener
	web.Start()
	defer web.Close()
	if nodes, err := client(t, "unix:"+path, "").Nodes(t.Context(), false); err != nil || len(nodes.Nodes) != 2 {
		t.Errorf("got %v, %v, want two nodes", nodes, err)
	}
	bare := strings.TrimPrefix(start(t, server(twoNodes(), "")), "http://")
	if nodes, err := client(t, bare, "").Nodes(t.Context(), false); err != nil || len(nodes.Nodes) != 2 {
		t.Errorf("got %v, %v, want two nodes", nodes, err)
	}
}

func TestTheClientsErrorsAreTyped(t *testing.T) {
	base := start(t, server(admintest.New(admin.Node{Name: "only"}), "secret"))
	check := func(err error, status int, code string) {
		t.Helper()
		var api *admin.APIError
		if !errors.As(err, &api) || api.Status != status || api.Code != code || api.Message == "" {
			t.Errorf("got %#v, want %d %s", err, status, code)
		}
	}
	_, err := client(t, base, "wrong").Nodes(t.Context(), false)
	check(err, 401, "unauthorized")
	_, err = client(t, base, "secret").Drain(t.Context(), "only", admin.DrainRequest{})
	check(err, 409, "refused")
	_, err = client(t, base, "secret").Undrain(t.Context(), "../reload", admin.UndrainRequest{})
	check(err, 404, "unknown_node")
}

func TestAnEndpointThatCannotBeReachedIsNamed(t *testing.T) {
	check := func(address, why string) {
		t.Helper()
		_, err := client(t, address, "").Nodes(t.Context(), false)
		want := "cannot reach the admin endpoint " + address + ": " + why
		if !errors.Is(err, admin.ErrUnreachable) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	check("unix:"+filepath.Join(t.TempDir(), "none.sock"), "no such file or directory")
	check("http://"+port.Reserve(t), "connection refused")
}

func TestACancelledCallIsNotAnEndpointThatIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, start(t, server(twoNodes(), "")), "").Nodes(ctx, false)
	if !errors.Is(err, context.Canceled) || errors.Is(err, admin.ErrUnreachable) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestSomethingElseThatAnswersIsSaidToBeNotFermata(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/nodes":
			fmt.Fprint(w, "<html>")
		case "/v1/events":
			fmt.Fprint(w, "data: <html>\n\n")
		default:
			http.Redirect(w, r, "http://evil.example/", http.StatusFound)
		}
	}))
	defer other.Close()
	c := client(t, other.URL, "secret")
	_, nodes := c.Nodes(t.Context(), false)
	_, reload := c.Reload(t.Context())
	for _, err := range []error{nodes, reload, c.Events(t.Context(), func(admin.Event) {})} {
		if err == nil || !strings.Contains(err.Error(), "Fermata") {
			t.Errorf("got %v, want it to say that this is not Fermata", err)
		}
	}
}

func TestWrongAddressesAreRefusedAtOnce(t *testing.T) {
	for _, address := range []string{"", "unix:", "unix", "https://a", "http://a", "http://", "http://a:1/path", "http://a:", "ftp://a:1", "a", ":", "http://u@a:1"} {
		if _, err := admin.NewClient(address, ""); err == nil {
			t.Errorf("%q: got no error", address)
		}
	}
}

func TestTheClientFollowsEventsUntilTheyEnd(t *testing.T) {
	s := server(twoNodes(), "secret")
	c := client(t, start(t, s), "secret")
	s.Publish(event(1))
	var got []string
	err := c.Events(t.Context(), func(e admin.Event) {
		got = append(got, e.Message)
		if e.Message == "event 1" {
			s.Publish(event(2))
			s.Close()
		}
	})
	if err != nil || strings.Join(got, ", ") != "event 1, event 2" {
		t.Errorf("got %v, %v, want event 1, event 2 and no error", got, err)
	}
}

func TestTheClientStopsFollowingWithItsContext(t *testing.T) {
	s := server(twoNodes(), "")
	c := client(t, start(t, s), "")
	s.Publish(event(1))
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Events(ctx, func(admin.Event) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := endpoint.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}
