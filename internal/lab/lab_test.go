package lab

import (
	"os/exec"
	"strings"
	"testing"
)

// TestOnlyTheDemoOfTheProductNeedsTheLaboratory looks at imports, but for those
// of tests and of apptest, which is for tests alone.
func TestOnlyTheDemoOfTheProductNeedsTheLaboratory(t *testing.T) {
	const ours, forTests = "fermata/internal/lab", "fermata/internal/app/apptest"
	format := `{{$package := .ImportPath}}{{range .Imports}}{{$package}} {{.}}{{"\n"}}{{end}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", format, "fermata/...").CombinedOutput()
	if err != nil {
		t.Fatalf("list the packages: %v\n%s", err, out)
	}
	found := false
	for line := range strings.Lines(string(out)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		if to == forTests {
			t.Errorf("got %s, which imports %s; want only tests to import it", from, to)
		}
		if from == forTests || strings.HasPrefix(from, ours) || !strings.HasPrefix(to, ours) {
			continue
		}
		if from != "fermata/cmd/fermata" || to != ours+"/demo" {
			t.Errorf("got %s, which imports %s; want only cmd/fermata to import the demo", from, to)
		}
		found = true
	}
	if !found {
		t.Error("got no import of the demo, want one: is this the right test?")
	}
}
