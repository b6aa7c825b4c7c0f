package app_test

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

// A slower machine than this one has fewer descriptors, too.
const slowPeers = 250

func TestSlowHandshakesAndSlowHeadersHoldUpNobodyAndAreGoneInTime(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "timeouts: {header: 3s}\n"+strings.Replace(apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example")),
		"tls:", "proxy_protocol: [127.0.0.2]\n    tls:", 1))
	answers := s.SecureBystander()
	var slow []net.Conn
	for range slowPeers {
		slow = append(slow, slowly(s, "127.0.0.1", "\x16\x03\x01\x02\x00\x01"), slowly(s, "127.0.0.2", "PROXY TCP4 203"))
	}
	for range 10 {
		answers()
	}
	s.SecureBystander()
	var ends sync.WaitGroup
	for _, conn := range slow {
		ends.Go(func() {
			if _, err := conn.Read(make([]byte, 1)); os.IsTimeout(err) {
				t.Errorf("got %v, want the connection's end after timeouts.header", err)
			}
		})
	}
	ends.Wait()
	s.HasMetric(`fermata_connections_refused_total{reason="proxy_header"} 250`)
	answers()
}

// slowly is a peer from that address that sends this and then nothing.
func slowly(s *apptest.Stack, from, sent string) net.Conn {
	s.T.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: apptest.Timeout}
	conn, err := d.Dial("tcp", s.Address)
	if err == nil {
		_, err = conn.Write([]byte(sent))
	}
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(apptest.Timeout))
	return conn
}
