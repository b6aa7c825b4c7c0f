package app_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestTheMetricsOfTheContractAreThere(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	p.Answers()
	p.CloseNow()
	s.Logs.Wait(t, "client closed")
	metrics := s.Metrics()
	for _, want := range []string{
		`fermata_connections{node="reverb-1"} 0`, `fermata_node_up{node="reverb-2"} 1`, `fermata_node_draining{node="reverb-1"} 0`,
		`fermata_picks_total{node="` + p.Node + `",reason="hash"} 1`, `fermata_handshakes_total{node="` + p.Node + `",result="ok"} 1`,
		`fermata_handshake_seconds_count 1`, `fermata_connections_closed_total{by="client",node="` + p.Node + `"} 1`,
		`fermata_connection_seconds_count 1`, `fermata_relay_bytes_total{direction="to_node"} `, `fermata_relay_bytes_total{direction="to_client"} `,
		`fermata_relay_messages_total{direction="to_node"} 1`, `fermata_relay_messages_total{direction="to_client"} 2`,
		`fermata_health_check_seconds_count{node="reverb-1"} `, `fermata_config_last_reload_successful 1`,
		`fermata_config_last_reload_success_timestamp_seconds `, "process_open_fds ", "go_goroutines ",
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no metric %s", want)
		}
	}
	for _, secret := range []string{"127.0.0.1", apptest.WirePath} {
		if strings.Contains(metrics, secret) {
			t.Errorf("the metrics show %s:\n%s", secret, apptest.Grep(metrics, secret))
		}
	}
}

func TestAClientsEndIsOneLineWithAllThatIsKnown(t *testing.T) {
	s := apptest.New(t, 1, "")
	w := s.Wire(strings.Replace(apptest.WireUpgrade, "protocol=7", "token=secret", 1) + "\r\n")
	w.Answer()
	w.Frame()
	w.Send(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
	w.Frame()
	w.Send("\x88\x82\x00\x00\x00\x00\x03\xe8") // Close 1000
	w.Frame()
	line := s.Logs.Wait(t, "client closed")
	for name, want := range map[string]any{
		"level": "info", "client": "127.0.0.1", "node": "reverb-1", "by": "client", "code": 1000.0, "pick": "hash", "preferred": "reverb-1",
		"tries": 1.0, "secure": false, "host": "ws.example.com", "path": apptest.WirePath, "messages_to_node": 1.0, "messages_to_client": 2.0,
		"bytes_to_node": float64(len(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`)) + 8),
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
	apptest.TakesSeconds(t)
	lives := func(t *testing.T) {
		s := apptest.New(t, 2, apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example"))+"timeouts: {answer: 500ms, close: 500ms}\n")
		s.SecureBystander()
		s.SecureWire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n").Answer()
		s.SecureWire("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		s.SecureWire(apptest.WireUpgrade + "\r\n").Answer() // never reads on
		s.Wire("garbage\r\n\r\n")
		s.Wire("")
		for _, fault := range []devnode.Faults{{Hang: true}, {Refuse: 404}, {Refuse: 500}, {EndAfter101: true}} {
			for _, n := range s.Nodes {
				n.SetFaults(fault)
			}
			s.SecureWire(apptest.WireUpgrade + "\r\n").Answer()
		}
		for _, n := range s.Nodes {
			n.SetFaults(devnode.Faults{})
		}
		s.Reload()
	}
	t.Run("once", lives) // what is opened once for all, such as the poller
	before := openFiles(t)
	t.Run("again", lives)
	deadline := time.After(apptest.Timeout)
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
