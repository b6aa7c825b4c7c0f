package main

import (
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestSmokePassesBehindAPathPrefixAndTheNodesAreUp(t *testing.T) {
	node := apptest.StartNode(t, devnode.Options{Name: "reverb-1", Prefix: "/ws"})
	s := apptest.NewFront(t, []string{node.URL()}, "path_prefix: /ws\nhealth: {type: http}\n")
	up := s.Logs.Wait(t, "node up")
	if got, want := up["reason"], "GET /ws/up: 200"; got != want {
		t.Errorf("got reason %v, want %s", got, want)
	}
	t.Setenv("FERMATA_SMOKE_KEY", devnode.DefaultAppKey)
	t.Setenv("FERMATA_SMOKE_APP_ID", devnode.DefaultAppID)
	t.Setenv("FERMATA_SMOKE_SECRET", devnode.DefaultAppSecret)
	wantSmoke(t, exitDone, "ws://"+s.Address+"/ws", "--expect-cookie")
	wantSmoke(t, exitFailed, "ws://"+s.Address)
}
