//go:build unix

package app

import (
	"fmt"
	"testing"

	"fermata/internal/lab/redisserver"
)

func TestAFullMemberIsReadyOnceNoOtherHasRoom(t *testing.T) {
	t.Parallel()
	text := fmt.Sprintf("nodes: [{name: a, url: 'http://127.0.0.1:%s', max_connections: 2}]\n", startNode(t, "a", "127.0.0.1:0"))
	members := startMembers(t, redisserver.New(t, redisserver.Options{}), text, "edge-1", "edge-2")
	ready := func(f *front, want bool, why string) {
		t.Helper()
		f.eventually(why, func() (any, bool) { return f.Nodes(false), f.Ready() == want })
	}
	members[0].connect()
	ready(members[0], false, "not ready, as the other has room")
	ready(members[1], true, "ready, as it has room")
	members[1].connect()
	for _, f := range members {
		ready(f, true, "ready, as nobody has room")
	}
}
