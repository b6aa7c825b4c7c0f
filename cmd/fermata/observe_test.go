package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

func TestTheMetricsOfTheContractAreThere(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	p.answers()
	p.CloseNow()
	s.logs.wait(t, "client closed")
	metrics := s.metrics()
	for _, want := range []string{
		`fermata_connections{node="reverb-1"} 0`, `fermata_node_up{node="reverb-2"} 1`, `fermata_node_draining{node="reverb-1"} 0`,
		`fermata_picks_total{node="` + p.node + `",reason="hash"} 1`, `fermata_handshakes_total{node="` + p.node + `",result="ok"} 1`,
		`fermata_handshake_seconds_count 1`, `fermata_connections_closed_total{by="client",node="` + p.node + `"} 1`,
		`fermata_connection_seconds_count 1`, `fermata_relay_bytes_total{direction="to_node"} `, `fermata_relay_bytes_total{direction="to_client"} `,
		`fermata_relay_messages_total{direction="to_node"} 1`, `fermata_relay_messages_total{direction="to_client"} 2`,
		`fermata_health_check_seconds_count{node="reverb-1"} `, `fermata_config_last_reload_successful 1`,
		`fermata_config_last_reload_success_timestamp_seconds `, "process_open_fds ", "go_goroutines ",
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no metric %s", want)
		}
	}
	for _, secret := range []string{"127.0.0.1", wirePath} {
		if strings.Contains(metrics, secret) {
			t.Errorf("the metrics show %s:\n%s", secret, grep(metrics, secret))
		}
	}
}

func TestAClientsEndIsOneLineWithAllThatIsKnown(t *testing.T) {
	s := newStack(t, 1, "")
	w := s.wire(strings.Replace(wireUpgrade, "protocol=7", "token=secret", 1) + "\r\n")
	w.answer()
	w.frame()
	w.send(clientFrame(`{"event":"pusher:ping","data":{}}`))
	w.frame()
	w.send("\x88\x82\x00\x00\x00\x00\x03\xe8") // Close 1000
	w.frame()
	line := s.logs.wait(t, "client closed")
	for name, want := range map[string]any{
		"level": "info", "client": "127.0.0.1", "node": "reverb-1", "by": "client", "code": 1000.0, "pick": "hash", "preferred": "reverb-1",
		"tries": 1.0, "secure": false, "host": "ws.example.com", "path": wirePath, "messages_to_node": 1.0, "messages_to_client": 2.0,
		"bytes_to_node": float64(len(clientFrame(`{"event":"pusher:ping","data":{}}`)) + 8),
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
	for _, name := range []string{"ts", "dur", "bytes_to_client"} {
		if line[name] == nil {
			t.Errorf("no %s in %v", name, line)
		}
	}
}

func TestNoFileDescriptorOutlivesAFermata(t *testing.T) {
	lives := func(t *testing.T) {
		s := newStack(t, 2, tlsListener("1.2", pair(t, time.Now(), "a.example"))+"timeouts: {answer: 500ms, close: 500ms}\n")
		s.secureBystander()
		s.secureWire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n").answer()
		s.secureWire("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		s.secureWire(wireUpgrade + "\r\n").answer() // never reads on
		s.wire("garbage\r\n\r\n")
		s.wire("")
		for _, fault := range []devnode.Faults{{Hang: true}, {Refuse: 404}, {Refuse: 500}, {EndAfter101: true}} {
			for _, n := range s.nodes {
				n.SetFaults(fault)
			}
			s.secureWire(wireUpgrade + "\r\n").answer()
		}
		for _, n := range s.nodes {
			n.SetFaults(devnode.Faults{})
		}
		s.reload()
	}
	t.Run("once", lives) // what is opened once for all, such as the poller
	before := openFiles(t)
	t.Run("again", lives)
	deadline := time.After(testTimeout)
	for open := openFiles(t); len(open) > len(before); open = openFiles(t) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("open files: got %d, want %d as before:\n%s\nbefore:\n%s", len(open), len(before), strings.Join(open, "\n"), strings.Join(before, "\n"))
		}
	}
}

// openFiles are what the file descriptors of this process stand for.
func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("SKIPPED, nothing shows that no file descriptor leaks: %v", err)
	}
	var files []string
	for _, entry := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
			files = append(files, entry.Name()+" "+name)
		}
	}
	return files
}
