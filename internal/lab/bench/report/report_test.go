package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"fermata/internal/lab/sheet"
	"fermata/internal/lab/sheet/sheettest"
)

func TestPercentilesAreValuesThatWereSeen(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, i+1)
	}
	f := func(values []int, p float64, want int) {
		t.Helper()
		if got := Percentile(values, p); got != want {
			t.Errorf("p%v of %d values: got %d, want %d", p*100, len(values), got, want)
		}
	}
	f(hundred, 0.5, 50)
	f(hundred, 0.99, 99)
	f(hundred, 0.999, 100)
	f(hundred, 0, 1)
	f([]int{7}, 0.5, 7)
	f(nil, 0.5, 0)
}

func TestTheMedianIsInTheMiddle(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		if got := Median(values); got != want {
			t.Errorf("%v: got %v, want %v", values, got, want)
		}
	}
	f(2, 3, 1, 2)
	f(2.5, 4, 1, 3, 2)
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("of nothing: got %v, want NaN", got)
	}
}

// sample has a row of everybody, one of a single column, and a remark.
func sample() *Report {
	r := &Report{Head: sheet.Head{Machine: "2 cores"}, Columns: []string{"fermata", "nginx", "haproxy"}, Rivals: []string{"nginx", "haproxy"}}
	memory := Row{Name: "memory", Title: "memory, idle & plain", Unit: "KiB", Panel: 1}
	r.Add(memory, "fermata", 2)
	r.Add(memory, "nginx", 18)
	r.Add(memory, "haproxy", 5)
	r.Add(memory, "haproxy", 3)
	r.Add(Row{Name: "rest", Title: "at rest", Unit: "ms/s"}, "fermata", 0.5)
	r.Remark("the load generator was busy")
	r.Remark("the load generator was busy")
	return r
}

func TestTheTableShowsMediansAndRatios(t *testing.T) {
	var b strings.Builder
	if err := sample().Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.00 (0.50)", "18.0 (4.50)", "4.00 (1.00)", "0.50  ", "! the load generator was busy\n"} {
		if strings.Count(b.String(), want) != 1 {
			t.Errorf("got table\n%s\nwant %q in it, once", &b, want)
		}
	}
}

func TestTheTableTellsKeyExchanges(t *testing.T) {
	r := sample()
	r.Exchange("nginx", "X25519")
	r.Exchange("fermata", "X25519MLKEM768")
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	want := "key exchange with clients that offer what a browser does: fermata X25519MLKEM768, nginx X25519\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("got table\n%s\nwant %q in it", &b, want)
	}
}

func TestARowMayHaveItsOwnRivals(t *testing.T) {
	r := sample()
	r.Column("sessions")
	r.Column("nginx")
	trip := Row{Name: "trip", Rivals: []string{"fermata"}}
	r.Add(trip, "fermata", 50)
	r.Add(trip, "sessions", 51)
	r.Add(trip, "nginx", 100)
	if got := r.Row("trip").Ratio("sessions", r.Rivals); got != 1.02 {
		t.Errorf("got %v, want 1.02 of fermata's", got)
	}
	if got := strings.Join(r.Columns, " "); got != "fermata nginx haproxy sessions" {
		t.Errorf("got columns %q, want each once", got)
	}
}

func TestTheJSONHasEveryRound(t *testing.T) {
	var b strings.Builder
	if err := sample().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows []struct {
			Name    string
			Values  map[string][]float64
			Medians map[string]float64
			Ratios  map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 2 || len(got.Rows[0].Values["haproxy"]) != 2 || got.Rows[0].Medians["haproxy"] != 4 || got.Rows[0].Ratios["fermata"] != 0.5 {
		t.Errorf("got %+v, want two rows with rounds, medians and ratios", got.Rows)
	}
}

func TestTheChartIsXMLWithABarForEach(t *testing.T) {
	var b strings.Builder
	if err := sample().SVG(&b, []string{"fermata", "nginx", "caddy"}); err != nil {
		t.Fatal(err)
	}
	bars := sheettest.Shapes(t, b.String(), "bar")
	if bars != 2 || !strings.Contains(b.String(), "not measured") {
		t.Errorf("got %d bars, want 2 and a column that was not measured:\n%s", bars, &b)
	}
}
