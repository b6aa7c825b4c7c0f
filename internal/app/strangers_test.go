package app_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

// strangeRequests is how many the test of the labels makes, none like another.
const strangeRequests = 2_000

func TestNothingThatStrangersSendBecomesASeries(t *testing.T) {
	apptest.TakesSeconds(t)
	s := apptest.New(t, 2, "limits: {upgrades_per_second: 0}\n")
	strangers(s, 200)
	before := samples(s.Metrics())
	strangers(s, strangeRequests)
	after := samples(s.Metrics())
	if grown := len(after) - len(before); grown > 20 {
		t.Errorf("got %d series after %d requests, %d before, want hardly more", len(after), strangeRequests, len(before))
	}
	reference := readDoc(t, "reference.md") + readDoc(t, "sessions.md")
	for _, one := range after {
		for label, value := range one.labels {
			known := label == "le" || slices.Contains([]string{"", "reverb-1", "reverb-2"}, value) || strings.Contains(reference, "`"+value+"`")
			if strings.HasPrefix(one.name, "fermata_") && !known {
				t.Errorf("%s: got %s=%q, want what docs/reference.md or docs/sessions.md has", one.name, label, value)
			}
		}
	}
}

// strangers make so many requests, four at a time, and leave.
func strangers(s *apptest.Stack, requests int) {
	s.T.Helper()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			c := &stranger{address: s.Address, random: rand.New(rand.NewPCG(uint64(i), uint64(requests)))}
			defer c.leave()
			for range requests / 4 {
				if err := c.ask(); err != nil {
					s.T.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	s.WaitMetric("fermata_clients 0")
}

// stranger is a client that sends whatever comes to its mind.
type stranger struct {
	address string
	random  *rand.Rand
	conn    net.Conn // nil: none is open
	from    *bufio.Reader
}

// ask sends one request and reads its answer.
func (c *stranger) ask() error {
	if err := c.come(); err != nil {
		return err
	}
	request := c.request()
	if _, err := io.WriteString(c.conn, request); err != nil {
		return fmt.Errorf("%q: %w", request, err)
	}
	answer, err := http.ReadResponse(c.from, nil)
	if err != nil {
		return fmt.Errorf("%q: %w", request, err)
	}
	io.Copy(io.Discard, answer.Body)
	if answer.Close || answer.StatusCode == http.StatusSwitchingProtocols {
		c.leave()
	}
	return nil
}

// come connects, unless the last answer has left the connection open.
func (c *stranger) come() (err error) {
	if c.conn == nil {
		c.conn, err = net.Dial("tcp", c.address)
	}
	if err != nil {
		return err
	}
	c.from = bufio.NewReader(c.conn)
	return c.conn.SetDeadline(time.Now().Add(apptest.Timeout))
}

func (c *stranger) leave() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// request has a path, a query, a host, cookies and an origin that nobody else
// has. One in ten is an upgrade.
func (c *stranger) request() string {
	word := func() string { return fmt.Sprintf("%x", c.random.Uint64()) }
	path := []string{"/", "/app/", "/apps/", apptest.WirePath + "/", apptest.WirePath + "?a="}[c.random.IntN(5)] + word()
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s.example.com\r\nCookie: fermata=%s; %s=1\r\nOrigin: http://%s\r\nX-Forwarded-For: %s\r\n",
		path, word(), word(), word(), word(), word())
	if c.random.IntN(10) == 0 {
		request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + apptest.WireKey + "\r\n"
	}
	return request + "\r\n"
}
