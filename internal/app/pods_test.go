package app

import (
	"net"
	"os"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/dnsserver"
)

// A pod that ends is gone from DNS, and Reverb runs on for its preStop. Package
// deploy tests that this is long enough.
func TestClientsOfAPodThatEndsAreMovedBeforeItsSIGTERM(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	const name = "reverb.shop.svc.cluster.local"
	dns := dnsserver.Start(t)
	dns.Set(name, "127.0.0.2", "127.0.0.3")
	ending, port := startPods(t, "127.0.0.2", "127.0.0.3")
	f := startFrontOf(t, inKubernetes(t, port), func(a *App) { a.discovery.resolver = dns.Resolver() })
	f.untilUp("reverb-127.0.0.2")
	f.untilUp("reverb-127.0.0.3")
	clients := []client{f.connectOn("127.0.0.2")}
	for range 20 {
		clients = append(clients, f.connect())
	}

	dns.Set(name, "127.0.0.3")
	f.untilNodes("reverb-127.0.0.3") // the other one is drained
	ending.Stop()                    // SIGTERM, after the preStop
	for _, c := range clients {
		c.answers()
	}
}

// inKubernetes is the configuration of the manifests, with addresses of a test, and
// without the cluster, which needs a Redis. It looks for pods more often.
func inKubernetes(t *testing.T, port string) string {
	t.Helper()
	for name, value := range map[string]string{
		"POD_NAMESPACE": "shop", "FERMATA_ADMIN_TOKEN": "sixteen bytes at least", "FERMATA_COOKIE_SECRET": "sixteen bytes at least",
		"REVERB_APP_ID": devnode.DefaultAppID, "REVERB_APP_KEY": devnode.DefaultAppKey, "REVERB_APP_SECRET": devnode.DefaultAppSecret,
	} {
		t.Setenv(name, value)
	}
	raw, err := os.ReadFile("../../deploy/kubernetes/base/config/fermata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, cluster, found := strings.Cut(string(raw), "\ncluster:")
	_, after, ended := strings.Cut(cluster, "\n\n")
	if !found || !ended {
		t.Fatal("got no cluster in the manifests' configuration, want one")
	}
	text := before + "\n" + after
	for old, by := range map[string]string{`":8080"`: `"127.0.0.1:0"`, `":9090"`: `"127.0.0.1:0"`, "port: 8080": "port: " + port, "every: 5s": "every: 1s"} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("got %d times %s in the manifests' configuration, want it once", strings.Count(text, old), old)
		}
		text = strings.Replace(text, old, by, 1)
	}
	return text
}

// startPods starts nodes that share a bus, all at one port, and returns the first.
func startPods(t *testing.T, addresses ...string) (first *devnode.Node, port string) {
	t.Helper()
	bus, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	port = "0"
	for _, address := range addresses {
		n, err := devnode.Start(address+":"+port, devnode.Options{Name: address, Bus: bus.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Kill)
		if first == nil {
			first = n
		}
		_, port, _ = net.SplitHostPort(n.Addr().String())
	}
	return first, port
}
