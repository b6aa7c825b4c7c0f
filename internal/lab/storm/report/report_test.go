package report

import (
	"encoding/json"
	"strings"
	"testing"

	"fermata/internal/lab/sheet"
	"fermata/internal/lab/sheet/sheettest"
)

func TestQuantilesCountThoseWhoseEndWasNotSeen(t *testing.T) {
	f := func(values []float64, total int, want string) {
		t.Helper()
		if got := seconds(Quantiles(Percents, values, total), "never"); got != want {
			t.Errorf("%v of %d: got %s, want %s", values, total, got, want)
		}
	}
	f([]float64{4, 1, 3, 2}, 4, "2.0 / 4.0 / 4.0 s")
	f([]float64{7}, 1, "7.0 / 7.0 / 7.0 s")
	f([]float64{2, 1}, 3, "2.0 / never / never s")
	f([]float64{1}, 3, "never")
	f(nil, 0, "never")
}

// sample has one of two cases, and a remark.
func sample() *Report {
	half := 0.5
	return &Report{
		Head:    sheet.Head{Machine: "2 cores", Remarks: []string{"nginx is not there"}},
		Clients: 10, Libraries: []string{"pusher-js"},
		Scenarios: []Scenario{{Name: "kill", Title: "a node is killed & gone"}},
		Balancers: []Balancer{{Name: "fermata", Version: "fermata 1.0", Setup: "as it is", Drain: "drain"}, {Name: "none", Setup: "none", Drain: "none"}},
		Cases: []*Case{{
			Scenario: "kill", Balancer: "fermata", Watched: 12, Hit: 3, Kept: 2, Reconnects: 6,
			Deliveries: Deliveries{Due: 90, Missed: 8, Twice: 7, Late: 9, Clients: 1},
			Back:       [3]*float64{&half, &half, nil}, Away: [3]*float64{&half, &half, nil},
			AwayAtOnce: 2, PeakUpgrades: 17, Lost: map[string]int{"pusher-js": 1}, Failed: map[string]int{},
			Refused: 4, Closes: map[int]int{4100: 5, 1006: 1}, Curve: []Point{{0.1, 0.7}, {0.5, 0.9}},
		}},
	}
}

func TestTheTableHasEveryMeasure(t *testing.T) {
	var b strings.Builder
	if err := sample().Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"after  0.5 / 0.5 / never s  -\n", "for           0.5 / 0.5 / - s      -\n", "17", "8 of 90", "7 / 9", "1 (pusher-js 1)",
		"1006 × 1, 4100 × 5", "10 clients (pusher-js)", "This is fermata 1.0.\n", "! nginx is not there\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got table\n%s\nwant %q in it", &b, want)
		}
	}
}

func TestTheTableOfAnUpgradeTellsPlainClientsAndTLSApart(t *testing.T) {
	short := 0.012
	r := sample()
	r.Balancers[0].Upgrade = "fermata upgrade"
	r.Cases[0].Upgrade = &Upgrade{
		Plain: Side{Clients: 5, Closes: map[int]int{}},
		TLS:   Side{Clients: 4, Closes: map[int]int{4200: 4}, Away: [3]*float64{&short, &short, &short}},
		Left:  3,
	}
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5 / none", "4 / 4200 × 4", "0.012 / 0.012 / 0.012 s", " never  ", " 3  ", "Upgrade: fermata upgrade."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got table\n%s\nwant %q in it", &b, want)
		}
	}
}

func TestTheJSONHasNullForWhatWasNotSeen(t *testing.T) {
	var b strings.Builder
	if err := sample().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cases []struct {
			Back   []*float64
			Closes map[string]int
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if c := got.Cases; len(c) != 1 || *c[0].Back[0] != 0.5 || c[0].Back[2] != nil || c[0].Closes["4100"] != 5 {
		t.Errorf("got %s, want the case", &b)
	}
}

func TestTheChartIsXMLWithACurveForEachCase(t *testing.T) {
	var b strings.Builder
	if err := sample().SVG(&b); err != nil {
		t.Fatal(err)
	}
	curves := sheettest.Shapes(t, b.String(), "curve")
	if curves != 3 { // two of the legend
		t.Errorf("got %d curves with the legend's, want 3:\n%s", curves, &b)
	}
}

func TestCurvesHaveRoomBelow(t *testing.T) {
	f := func(share, want float64) {
		t.Helper()
		r := sample()
		r.Cases[0].Curve = []Point{{1, share}}
		if got := r.fit(r.Scenarios[0]).least; got < want-0.001 || got > want+0.001 {
			t.Errorf("a curve down to %v: got an axis from %v, want from %v", share, got, want)
		}
	}
	f(1, 0.9)
	f(0.8, 0.7)
	f(0.55, 0.5)
	f(0, 0)
}

func TestTheLastSecondIsNotCutOff(t *testing.T) {
	const half = 14 // of "10 s", in the chart's units
	a := axes{until: 10, least: 0.9}
	if right := sheet.Column + a.x(10) + half; right > sheet.Width {
		t.Errorf("got a label that ends at %.0f, want it within %d", right, sheet.Width)
	}
}
