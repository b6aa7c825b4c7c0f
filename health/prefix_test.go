package health

import (
	"testing"

	"fermata/internal/lab/devnode"
)

func TestANodeBehindAPathPrefixIsUp(t *testing.T) {
	node, err := devnode.Start("127.0.0.1:0", devnode.Options{Prefix: "/ws"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	o := Default()
	o.Type, o.PathPrefix = TypeHTTP, "/ws"
	wantUp(t, o, node.Addr().String(), `^GET /ws/up: 200$`)
	o.PathPrefix = ""
	wantDown(t, o, node.Addr().String(), `^GET /up: status 404, want 200 \(is path_prefix missing\?\)$`)

	o.Type, o.Reverb.AppKey = TypeReverb, devnode.DefaultAppKey
	wantDown(t, o, node.Addr().String(), `^handshake: status 404 \(is path_prefix missing\?\)$`)
	o.PathPrefix = "/ws"
	wantUp(t, o, node.Addr().String(), `^pong in `)
}
