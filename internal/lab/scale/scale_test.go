//go:build linux

package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fermata/internal/lab/redisserver"
	"fermata/internal/lab/sheet/sheettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const docs = "../../../docs"

func tell(t *testing.T, args ...string) string {
	t.Helper()
	var out, progress strings.Builder
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("scale %v: %v\n%s", args, err, &progress)
	}
	return out.String()
}

func TestThePageHasTheTablesAndTheChartOfTheModel(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := filepath.Join(t.TempDir(), "scale.svg")
	for _, table := range strings.Split(strings.TrimSpace(tell(t, "-svg", drawn)), "\n\n") {
		if !strings.Contains(string(page), table) {
			t.Errorf("got a docs/scale.md without this table, want it there:\n%s", table)
		}
	}
	want, err := os.ReadFile(drawn)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(docs, "scale.svg")); err != nil || string(got) != string(want) {
		t.Errorf("got another docs/scale.svg (%v), want that of go run ./internal/lab/scale -svg docs/scale.svg", err)
	}
	if curves := sheettest.Shapes(t, string(want), "curve"); curves != 3*len(strokes) {
		t.Errorf("got %d curves, want %d and a legend", curves, 2*len(strokes))
	}
}

func TestThePagesOwnFiguresAreThoseOfTheModel(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	says := func(text string) {
		t.Helper()
		if !strings.Contains(string(page), text) {
			t.Errorf("got a docs/scale.md without %q", text)
		}
	}
	l := ordinary
	l.clients = 100_000
	clients := float64(l.clients)
	says(percent(clients*(clientIdles+roundTrip/pingEvery+clientGets/l.every)) + " of a core, and " + percent(l.events()*plainRequest) + " for the requests")
	says(duration(clients*newClient) + " of core time")
	says(duration(950*nodeHandshake) + " for each of 950 clients' nodes")
	says("up to " + percent(redisAlone/redisDelivery*cellFor(l, kinds[0]).uses(kinds[0])[0].used))
	says("230 + 109 × nodes bytes")
	says("60 + nodes × (16 + 17.6 × members) bytes")
	if reportBase != 230 || reportNode != 109 || stateBase != 60 || stateNode != 16 || stateQuota != 17.6 {
		t.Error("got other sizes of a report and of the state than docs/scale.md has in its text")
	}
}

func TestTheModelSaysWhatWasMeasuredOfClusters(t *testing.T) {
	f, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/8 {
			t.Errorf("%s: got %.0f from the model, want about %.0f, as measured", what, got, want)
		}
	}
	for _, found := range f.Clusters {
		c := cell{members: found.Members, nodes: found.Nodes}
		size := found.size
		near("report of "+count(size.Nodes)+" nodes", c.report(), float64(found.Report))
		if size.Whole < size.Members {
			continue // the others have no quotas in the state
		}
		near(count(size.Members)+" members: read", c.read(), found.Out)
		near(count(size.Members)+" members: state", c.state(), float64(found.State))
	}
}

func TestTheModelSaysWhatWasMeasuredOfRedis(t *testing.T) {
	f, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range f.Buses {
		want := redisDelivery
		if b.Publishers == 1 {
			want = redisAlone
		}
		if b.Redis < want/2 || b.Redis > want*2 {
			t.Errorf("%d publishers, %d subscribers: got %s in the model, want about %s, as measured", b.Publishers, b.Subscribers, duration(want), duration(b.Redis))
		}
	}
}

func TestACellHasEnoughOfEverythingAndOneCellLessHasNot(t *testing.T) {
	for _, k := range kinds {
		for _, clients := range []int{1, 949, 40_000, 300_000, 2_000_000, 7_000_000} {
			l := load{clients: clients, every: 5, channel: 20}
			n, c := cells(l, k)
			if u := first(c.uses(k)); u.used > full {
				t.Errorf("%d clients, %s, %d cells: got %s used by %s, want no more than %s", clients, k.name, n, u.what, percent(u.used), percent(full))
			}
			if n*c.clients < clients || (c.nodes-1)*k.limit < c.clients || (c.members-1)*memberClients < c.clients {
				t.Errorf("%d clients, %s: got %d cells of %+v, want room for all without one node and one member", clients, k.name, n, c)
			}
			if n == 1 {
				continue
			}
			l.clients = (clients + n - 2) / (n - 1)
			if u := first(cellFor(l, k).uses(k)); u.used <= full {
				t.Errorf("%d clients, %s: got %d cells, want one less: there %s is used by %s", clients, k.name, n, u.what, percent(u.used))
			}
		}
	}
}

func TestOnesOwnClientsGetTheirOwnTables(t *testing.T) {
	out := tell(t, "-clients", "250000", "-every", "5", "-channel", "40")
	if !strings.Contains(out, "| 250,000 | PHP alone") || strings.Contains(out, "1,000,000") {
		t.Errorf("got\n%s\nwant tables for 250,000 clients alone", out)
	}
	var nothing strings.Builder
	for _, args := range [][]string{{"-clients", "-1"}, {"-every", "0"}, {"-channel", "0.5"}, {"what"}} {
		if err := run(t.Context(), args, &nothing, &nothing); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}

func TestAClusterIsMeasured(t *testing.T) {
	if err := redisserver.Installed(); err != nil {
		t.Skipf("SKIPPED, nothing shows that a cluster can be measured: %v", err)
	}
	t.Parallel()
	short := patience{rest: time.Second, storm: time.Second, settled: 5 * time.Second, decisions: 2}
	found, err := measureCluster(t.Context(), size{Members: 3, Whole: 2, Nodes: 4}, short)
	if err != nil {
		t.Fatal(err)
	}
	if found.Beats == 0 || found.Report == 0 || found.State == 0 || found.Out < 3*float64(found.Report) || found.Quiet.Most == 0 || found.Storm.Most == 0 {
		t.Errorf("got %+v, want everything measured, and three reports in each beat", found)
	}
}

func TestABusIsMeasured(t *testing.T) {
	if err := redisserver.Installed(); err != nil {
		t.Skipf("SKIPPED, nothing shows that a bus can be measured: %v", err)
	}
	t.Parallel()
	found, err := measureBus(t.Context(), busFinding{Subscribers: 20, Publishers: 4}, 4000)
	if err != nil || found.Redis <= 0 || found.Subscribers != 20 {
		t.Errorf("got %+v (%v), want the time of Redis", found, err)
	}
}
