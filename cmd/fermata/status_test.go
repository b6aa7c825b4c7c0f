package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestStatusIsAPlainAlignedTableWhenPiped(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	if _, err := control.Drain("reverb-1", admin.DrainRequest{}); err != nil {
		t.Fatal(err)
	}
	fermata(t.Context(), "status").want(t, 0, `NODE      HEALTH  STATE     CONNECTIONS  WEIGHT  DRAIN                 REASON
reverb-1  up      draining  30/950       1       30 of 30 left, 100/s  connected
reverb-2  up      ready     20           2       -                     connected
reverb-3  down    ready     0            1       -                     dial refused
`, "")
}

func TestStatusAsJSONIsTheAPIsAnswer(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	var want bytes.Buffer
	if err := admin.Encode(&want, control.Nodes(false)); err != nil {
		t.Fatal(err)
	}
	fermata(t.Context(), "status", "--json").want(t, 0, want.String(), "")
}

func TestTextOfNodesCannotSteerTheTerminal(t *testing.T) {
	running(t, admintest.New(admin.Node{Name: "a", Reason: "\x1b[2J\rHTTP 500\n"}), "")
	fermata(t.Context(), "status").has(t, 0, "?[2J?HTTP 500?\n", "")
}

func TestWatchPrintsAnewOnlyWhatHasChanged(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	check := func(node *admin.Node) {
		node.Reason, node.Checked = fmt.Sprintf("pong in %dms", n), time.Unix(int64(n), 0)
		node.Members = []admin.MemberNode{{Health: admin.HealthUp, Reason: node.Reason, Checked: node.Checked}}
	}
	control.Change("reverb-1", check)
	control.Looked = func() {
		control.Change("reverb-1", check)
		switch n++; n {
		case 3:
			control.Change("reverb-2", func(node *admin.Node) { node.Connections = 21 })
		case 6:
			cancel()
		}
	}
	client, err := (&adminFlags{}).client()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (status{client: client, out: &out}).watch(ctx, time.Millisecond); err != nil {
		t.Errorf("got %v, want an interrupted watch to be no error", err)
	}
	if got := strings.Count(out.String(), "NODE"); got != 2 || !strings.Contains(out.String(), "21") {
		t.Errorf("got %d tables, want 2, the second with 21:\n%s", got, out.String())
	}
}

func TestWatchGoesOnWhileFermataIsAway(t *testing.T) {
	control := threeNodes()
	stop := running(t, control, "")
	ctx, cancel := context.WithCancel(t.Context())
	client, err := (&adminFlags{}).client()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	out := writerFunc(func(text string) {
		shown = append(shown, text)
		if len(shown) == 1 {
			stop()
			return
		}
		cancel()
	})
	if err := (status{client: client, out: out}).watch(ctx, time.Millisecond); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if len(shown) != 2 || !strings.Contains(shown[1], "cannot reach the admin endpoint") {
		t.Errorf("got %q, want a table and then that Fermata is away", shown)
	}
}

// writerFunc is called with every write.
type writerFunc func(text string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}
