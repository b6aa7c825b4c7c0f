package app_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// exhibit is a Fermata with something to count for every metric: clients, one
// that has gone, a cap, a drain and a node that is down.
func exhibit(t *testing.T) *apptest.Stack {
	t.Helper()
	s := apptest.New(t, 3, "health: {type: http, interval: 100ms}\n")
	_, port, _ := net.SplitHostPort(s.Nodes[0].Addr().String())
	again := "  - {name: again, discover: dns, host: localhost, port: " + port + "}\n" // the first node, which is there already
	s.Configure(s.Capped(100, 100, 0) + again + apptest.KnownApp + "health: {type: http, interval: 100ms, reverb: {delivery: {interval: 500ms}}}\n")
	s.Reload()
	s.WaitMetric(`fermata_delivery_up{node="reverb-1"} 1`)
	s.Dial().CloseNow()
	s.Logs.Wait(t, "client closed")
	s.Bystander()
	s.Ask(strings.Replace(apptest.WireUpgrade, "Version: 13", "Version: 12", 1))
	s.Node("reverb-3").Kill()
	s.WaitMetric(`fermata_node_down{cause="refused",node="reverb-3"} 1`)
	s.Drain("reverb-2", admin.DrainRequest{Grace: new(admin.Duration(time.Minute))})
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
	t.Parallel()
	promtool(t, exhibit(t).Metrics(), "check", "metrics")
}

func TestThePageOfTheMetricsIsThatOfARunningFermata(t *testing.T) {
	t.Parallel()
	page := documented(t)
	there := map[string]bool{}
	for _, one := range samples(exhibit(t).Metrics()) {
		if !strings.HasPrefix(one.name, "fermata_") {
			continue
		}
		name := one.name
		if page[name] == "" {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		}
		there[name] = true
		row, ok := page[name]
		if !ok {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
		for label := range one.labels {
			if label != "le" && !strings.Contains(row, "`"+label+"`") {
				t.Errorf("%s: docs/metrics.md does not name its label %s", name, label)
			}
		}
	}
	for name := range page {
		if !there[name] && !notHere.MatchString(name) {
			t.Errorf("%s is in docs/metrics.md, and a running Fermata does not have it", name)
		}
	}
}

// notHere are the metrics of what the exhibit has none of.
var notHere = regexp.MustCompile(`^fermata_(cluster|acme_certificate)_`)

// documented is what docs/metrics.md says of each metric.
func documented(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(fermata_\\w+)` \\| ?(.*)\\|$").FindAllStringSubmatch(readDoc(t, "metrics.md"), -1) {
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
