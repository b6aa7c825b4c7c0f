package validate

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the alerts of docs/prometheus-alerts.yaml into the PrometheusRule")

const (
	documented = "../../docs/prometheus-alerts.yaml"
	rule       = "../kubernetes/monitoring/prometheus-rule.yaml"
)

// kustomize cannot put a file into an object's spec.
func TestTheAlertsAreThoseOfTheDocumentation(t *testing.T) {
	head, _, found := strings.Cut(read(t, rule), "spec:\n")
	if !found {
		t.Fatalf("%s: got no spec, want one", rule)
	}
	want := head + "spec:\n" + indented(t, read(t, documented))
	if *write {
		if err := os.WriteFile(rule, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, rule); got != want {
		t.Errorf("%s: got other alerts than in %s, want the same: go -C deploy/validate test -count=1 -run Alerts -write", rule, documented)
	}
	if o := build(t, monitored); len(o.rules) != 1 || len(o.rules[0].Spec.Groups) == 0 {
		t.Errorf("got %v, want one rule with alerts", o.rules)
	}
}

// indented is what follows the comment at the head.
func indented(t *testing.T, text string) string {
	t.Helper()
	_, groups, found := strings.Cut(text, "\ngroups:")
	if !found {
		t.Fatalf("got no groups, want alerts")
	}
	var out strings.Builder
	for line := range strings.Lines("groups:" + groups) {
		if line != "\n" {
			line = "  " + line
		}
		out.WriteString(line)
	}
	return out.String()
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
