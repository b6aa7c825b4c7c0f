package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fermata/internal/app/apptest"

	"gopkg.in/yaml.v3"
)

// alert is a rule of docs/prometheus-alerts.yaml.
type alert struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(readDoc(t, "prometheus-alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// panel is a part of docs/grafana.json.
type panel struct {
	ID      int
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr string }
}

func panels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct {
		Title, UID string
		Panels     []panel
	}
	if err := json.Unmarshal([]byte(readDoc(t, "grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.Title != "Fermata" || dashboard.UID == "" {
		t.Errorf("got the dashboard %q with uid %q, want Fermata with one", dashboard.Title, dashboard.UID)
	}
	return dashboard.Panels
}

// queries are what the alerts and the dashboard ask Prometheus, with Grafana's
// variables filled in, by where they stand.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, a := range alerts(t) {
		all["alert "+a.Alert] = a.Expr
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+")
	for _, p := range panels(t) {
		for i, target := range p.Targets {
			all["panel "+p.Title+" "+string(rune('A'+i))] = fill.Replace(target.Expr)
		}
	}
	return all
}

func TestTheAlertsFireWhenTheyShouldAndNoOtherTime(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	promtool(t, "", "check", "rules", "../../docs/prometheus-alerts.yaml")
	promtool(t, "", "test", "rules", "../../docs/prometheus-alerts_test.yaml")
}

func TestEveryAlertIsTestedAndSaysWhoIsMeantAndWhatToDo(t *testing.T) {
	tests := readDoc(t, "prometheus-alerts_test.yaml")
	for _, a := range alerts(t) {
		if !strings.Contains(tests, `ALERTS{alertname="`+a.Alert+`", alertstate="firing"`) && !strings.Contains(tests, "alertname: "+a.Alert+"\n") {
			t.Errorf("%s: no test in prometheus-alerts_test.yaml has it fire", a.Alert)
		}
		who := "{{ $labels.instance }}"
		if regexp.MustCompile(`fermata_(connections|node|drain)(_\w+)?\b`).MatchString(a.Expr) {
			who = "{{ $labels.node }}"
		}
		if summary := a.Annotations["summary"]; !strings.Contains(summary, who) {
			t.Errorf("%s: got the summary %q, want %s in it", a.Alert, summary, who)
		}
		if a.Annotations["description"] == "" || a.Labels["severity"] == "" {
			t.Errorf("%s: got the description %q and severity %q, want both", a.Alert, a.Annotations["description"], a.Labels["severity"])
		}
	}
}

func TestAlertsAndDashboardAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, one := range samples(exhibit(t).Metrics()) {
		there[one.name] = true
	}
	name := regexp.MustCompile(`\b(fermata|process|go)_\w+`)
	for where, query := range queries(t) {
		asked := name.FindAllString(query, -1)
		if len(asked) == 0 && !strings.Contains(query, "up{") {
			t.Errorf("%s asks for no metric: %s", where, query)
		}
		for _, metric := range asked {
			if !there[metric] {
				t.Errorf("%s asks for %s, which a running Fermata does not have", where, metric)
			}
		}
	}
}

func TestTheDashboardsQueriesAreQueriesAndItsPanelsStandApart(t *testing.T) {
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	for _, query := range queries(t) {
		rules = append(rules, rule{fmt.Sprintf("query:%d", len(rules)), query})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range panels(t) {
		if p.Title == "" || len(p.Targets) == 0 || ids[p.ID] {
			t.Errorf("panel %d %q: want a title, a query and an id of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for at := range p.GridPos.W * p.GridPos.H {
			cell := [2]int{p.GridPos.X + at%p.GridPos.W, p.GridPos.Y + at/p.GridPos.W}
			if other := taken[cell]; other != "" || cell[0] >= 24 {
				t.Fatalf("panel %q lies over %q at %v, or beyond the 24 columns", p.Title, other, cell)
			}
			taken[cell] = p.Title
		}
	}
	promtool(t, "", "check", "rules", file)
}
