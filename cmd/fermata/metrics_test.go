package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// exhibit is a Fermata with something to count for every metric: clients, one
// that has gone, a cap, a drain and a node that is down.
func exhibit(t *testing.T) *stack {
	t.Helper()
	s := newStack(t, 3, "health: {interval: 100ms}\n")
	s.configure(s.capped(100, 100, 0) + "health: {interval: 100ms}\n")
	s.reload()
	s.dial().CloseNow()
	s.logs.wait(t, "client closed")
	s.bystander()
	s.ask(strings.Replace(wireUpgrade, "Version: 13", "Version: 12", 1))
	s.node("reverb-3").Kill()
	s.waitMetric(`fermata_node_down{cause="refused",node="reverb-3"} 1`)
	if code, _, errOut := s.cli("drain", "reverb-2", "--grace", "1m"); code != exitDone {
		t.Fatalf("drain: got exit %d, %s", code, errOut)
	}
	return s
}

// sample is one series of a scrape.
type sample struct {
	name   string
	labels map[string]string
}

var (
	seriesLine = regexp.MustCompile(`(?m)^([a-z]\w*)(\{.*\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// samples are the series of a scrape.
func samples(scrape string) (all []sample) {
	for _, line := range seriesLine.FindAllStringSubmatch(scrape, -1) {
		one := sample{line[1], map[string]string{}}
		for _, pair := range labelPair.FindAllStringSubmatch(line[2], -1) {
			one.labels[pair[1]] = pair[2]
		}
		all = append(all, one)
	}
	return all
}

// promtool runs Prometheus's own tool, which must find nothing wrong.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("SKIPPED, nothing shows that Prometheus takes what we give it: %v; .ci/setup installs it", err)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Stdin = strings.NewReader(stdin)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolHasNothingToSayAboutTheMetrics(t *testing.T) {
	promtool(t, exhibit(t).metrics(), "check", "metrics")
}

func TestTheReferenceHasEveryMetricWithItsLabelsAndNoOther(t *testing.T) {
	reference := documented(t)
	there := map[string]bool{}
	for _, one := range samples(exhibit(t).metrics()) {
		if !strings.HasPrefix(one.name, "fermata_") {
			continue
		}
		name := one.name
		if reference[name] == "" {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		}
		there[name] = true
		row, ok := reference[name]
		if !ok {
			t.Errorf("%s is not in docs/reference.md", name)
		}
		for label := range one.labels {
			if label != "le" && !strings.Contains(row, "`"+label+"`") {
				t.Errorf("%s: docs/reference.md does not name its label %s", name, label)
			}
		}
	}
	for name := range reference {
		if !there[name] {
			t.Errorf("%s is in docs/reference.md, and a running Fermata does not have it", name)
		}
	}
}

// documented is what docs/reference.md says of each metric.
func documented(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(fermata_\\w+)` \\| ?(.*)\\|$").FindAllStringSubmatch(readDoc(t, "reference.md"), -1) {
		rows[row[1]] = row[2] + " "
	}
	return rows
}

// readDoc reads a file of docs.
func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// strangers is how many requests the test of the labels makes, none like
// another.
const strangers = 10_000

func TestNothingThatStrangersSendBecomesASeries(t *testing.T) {
	s := newStack(t, 2, "limits: {upgrades_per_second: 0}\n")
	crowd := func(count int) {
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(worker), uint64(count)))
				for range count / 4 {
					s.stranger(random)
				}
			})
		}
		all.Wait()
		s.waitMetric("fermata_clients 0")
	}
	crowd(200)
	before := samples(s.metrics())
	crowd(strangers)
	after := samples(s.metrics())
	if grown := len(after) - len(before); grown > 20 {
		t.Errorf("got %d series after %d requests, %d before, want hardly more", len(after), strangers, len(before))
	}
	reference := readDoc(t, "reference.md")
	for _, one := range after {
		for label, value := range one.labels {
			known := label == "le" || slices.Contains([]string{"", "reverb-1", "reverb-2"}, value) || strings.Contains(reference, "`"+value+"`")
			if strings.HasPrefix(one.name, "fermata_") && !known {
				t.Errorf("%s: got %s=%q, want what docs/reference.md has", one.name, label, value)
			}
		}
	}
}

// stranger sends one request, an upgrade every third time, with a random path,
// query, host, cookie and origin, and reads the answer's first line.
func (s *stack) stranger(random *rand.Rand) {
	word := func() string { return fmt.Sprintf("%x", random.Uint64()) }
	path := []string{"/", "/app/", "/apps/", wirePath + "/", wirePath + "?a="}[random.IntN(5)] + word()
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s.example.com\r\nCookie: fermata=%s; %s=1\r\nOrigin: http://%s\r\nX-Forwarded-For: %s\r\n",
		path, word(), word(), word(), word(), word())
	if random.IntN(3) == 0 {
		head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + wireKey + "\r\n"
	}
	conn, err := net.Dial("tcp", s.client)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	io.WriteString(conn, head+"\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		s.t.Errorf("%s: %v", path, err)
	} else {
		r.Body.Close()
	}
}
