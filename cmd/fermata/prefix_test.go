package main

import (
	"testing"

	"fermata/internal/lab/devnode"
)

func TestSmokePassesBehindAPathPrefixAndTheNodesAreUp(t *testing.T) {
	node := startNode(t, devnode.Options{Name: "reverb-1", Prefix: "/ws"})
	s := newFront(t, []string{node.URL()}, "path_prefix: /ws\nhealth: {type: http}\n")
	up := s.logs.wait(t, "node up")
	if got, want := up["reason"], "GET /ws/up: 200"; got != want {
		t.Errorf("got reason %v, want %s", got, want)
	}
	t.Setenv("FERMATA_SMOKE_KEY", devnode.DefaultAppKey)
	t.Setenv("FERMATA_SMOKE_APP_ID", devnode.DefaultAppID)
	t.Setenv("FERMATA_SMOKE_SECRET", devnode.DefaultAppSecret)
	wantSmoke(t, exitDone, "ws://"+s.client+"/ws", "--expect-cookie")
	wantSmoke(t, exitFailed, "ws://"+s.client)
}
