package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/config"
)

func TestAnOlderSnapshotNeverReplacesANewerOne(t *testing.T) {
	f := stateFile{path: filepath.Join(t.TempDir(), "file")}
	older, newer := f.snapshot("older"), f.snapshot("newer")
	for _, save := range []func() error{newer, older} {
		if err := save(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := f.read(); string(got) != `"newer"` || err != nil {
		t.Errorf("got %s, %v, want the newer one", got, err)
	}
}

func TestAnOlderSnapshotIsAsLostAsTheNewerOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	f := stateFile{path: filepath.Join(dir, "file")}
	older, newer := f.snapshot("older"), f.snapshot("newer")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newer(); err == nil {
		t.Error("got no error, want one: the directory is a file")
	}
	os.Remove(dir)
	if err := older(); err == nil {
		t.Error("got no error, want that of the newer one, which is what counts")
	}
	if err := f.snapshot("newest")(); err != nil {
		t.Errorf("got %v, want it saved", err)
	}
}

func TestOnlyOneHasAStateDirectory(t *testing.T) {
	dir := stateOf(t)
	first, second := newStateDir(dir), newStateDir(dir)
	if err := first.open(); err != nil {
		t.Fatal(err)
	}
	err := second.open()
	second.close()
	if err == nil || !strings.Contains(err.Error(), "another Fermata uses it: ") {
		t.Errorf("got %v, want that another has it", err)
	}
	first.close()
	if err := second.open(); err != nil {
		t.Errorf("got %v, want it free again", err)
	}
	second.close()
}

func TestWhatAKilledProcessWasWritingIsTidiedAway(t *testing.T) {
	dir := stateOf(t)
	left := filepath.Join(dir, strings.Replace(temporary, "*", "123", 1))
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(left, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := newStateDir(dir)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "lock" {
		t.Errorf("got %v, %v, want the lock alone", files, err)
	}
}

func TestWhatIsNotSavedIsDoneAndSaid(t *testing.T) {
	dir := stateOf(t)
	a, _, _ := run(t, func() (*config.Config, error) { return twoNodes(dir), nil })
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	wants := func(what, warning string, err error) {
		t.Helper()
		if err != nil || !strings.Contains(warning, "not saved") || !strings.Contains(warning, "not a directory") {
			t.Errorf("%s: got %q, %v, want a warning with the reason", what, warning, err)
		}
	}
	n, err := a.Drain("a", admin.DrainRequest{Force: true})
	wants("drain", n.Warning, err)
	roll, err := a.SetRoll(admin.Roll{Nodes: []string{"b"}})
	wants("roll", roll.Warning, err)
	n, err = a.Undrain("a", admin.UndrainRequest{})
	wants("undrain", n.Warning, err)
	if n.State != admin.StateReady {
		t.Errorf("got %s, want the node to be ready all the same", n.State)
	}
	n, err = a.Undrain("a", admin.UndrainRequest{})
	wants("the undrain again", n.Warning, err)
	os.Remove(dir)
	if n, err = a.Undrain("a", admin.UndrainRequest{}); n.Warning != "" || err != nil {
		t.Errorf("the undrain once it works: got %q, %v, want no warning", n.Warning, err)
	}
}

func TestAFileSystemThatDoesNotAnswerHoldsUpNoUndrain(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	dir := stateOf(t)
	a, _, _ := run(t, func() (*config.Config, error) { return twoNodes(dir), nil })
	if _, err := a.Drain("a", admin.DrainRequest{Force: true}); err != nil {
		t.Fatal(err)
	}
	a.state.drains.mu.Lock() // as while a write hangs
	answered := make(chan admin.Node, 1)
	go func() {
		n, _ := a.Undrain("a", admin.UndrainRequest{})
		answered <- n
	}()
	does(t, "another change", func() error { _, err := a.SetRoll(admin.Roll{Nodes: []string{"b"}}); return err })
	if n := within(t, "the undrain", answered); n.State != admin.StateReady || !strings.Contains(n.Warning, errNotYetSaved.Error()) {
		t.Errorf("got %s with %q, want ready, and a warning", n.State, n.Warning)
	}
	a.state.drains.mu.Unlock()
	if n, err := a.Undrain("a", admin.UndrainRequest{}); n.Warning != "" || err != nil {
		t.Errorf("once it answers: got %q, %v, want no warning", n.Warning, err)
	}
}

func TestValuesThatNoCommandCouldHaveSetAreRefusedAloneAndNamed(t *testing.T) {
	dir := stateOf(t)
	text := `{
		"a": {"Started": "0001-01-01T00:00:00Z", "Begin": "2026-01-01T00:00:00Z", "Deadline": "9999-01-01T00:00:00Z", "Rate": -5, "CloseCode": 1006, "Initial": "many", "Force": true, "Close": "yes"},
		"b": {"Started": "2026-01-01T00:00:00Z", "Begin": "2026-01-01T00:00:01Z", "Deadline": "2026-01-01T00:00:02Z", "Rate": 7, "CloseCode": 4201, "Initial": 3, "Force": true},
		"": {}, "../x": {}, "gone": {"Rate": 1}, "c": null
	}`
	for name, text := range map[string]string{"drains.json": text, "roll.json": `["b", "b", 5, "no name", "gone", "a"]`} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	configured := twoNodes(dir)
	a, log, stop := run(t, func() (*config.Config, error) { return configured, nil })
	nodes, roll := a.Nodes(false).Nodes, a.Roll()
	if d := nodes[0].Drain; d == nil || d.Rate != configured.Drain.Rate || d.CloseCode != 4200 || !d.Force {
		t.Errorf("a: got %+v, want a drain with the configuration's values for those that are refused", d)
	}
	if d := nodes[1].Drain; d == nil || d.Rate != 7 || d.CloseCode != 4201 || d.Deadline.Year() != 2026 || d.Close {
		t.Errorf("b, which an older Fermata has written: got %+v, want it as it was", d)
	}
	if strings.Join(roll.Nodes, " ") != "b a" {
		t.Errorf("got the roll %v, want b and a", roll.Nodes)
	}
	stop()
	var got []string
	for _, line := range log.of(t, "remembered value refused") {
		got = append(got, filepath.Base(line["file"].(string))+" "+line["field"].(string))
	}
	want := `drains.json "", drains.json "../x", drains.json a.Started, drains.json a.Deadline, drains.json a.Rate, drains.json a.CloseCode, ` +
		`drains.json a.Initial, drains.json a.Close, drains.json c, roll.json [1], roll.json [2], roll.json [3]`
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestWhatIsRememberedIsRecalled(t *testing.T) {
	dir := stateOf(t)
	load := func() (*config.Config, error) { return twoNodes(dir), nil }
	a, _, stop := run(t, load)
	rate := 3
	if _, err := a.Drain("a", admin.DrainRequest{Force: true, Rate: &rate, Close: new(true)}); err != nil {
		t.Fatal(err)
	}
	before := a.Nodes(false).Nodes[0].Drain
	stop()
	a, log, stop := run(t, load)
	after := a.Nodes(false).Nodes[0].Drain
	stop()
	if got, want := asJSON(t, after), asJSON(t, before); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if refused := log.of(t, "remembered value refused"); len(refused) > 0 {
		t.Errorf("got %v, want nothing refused", refused)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
