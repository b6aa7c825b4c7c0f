//go:build linux

package rival

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var templates = fstest.MapFS{"config/fermata.yaml": {Data: []byte("listen: {{.}}\n")}}

// started runs a script in Fermata's place.
func started(t *testing.T, dir, script string) *Running {
	t.Helper()
	binary := filepath.Join(dir, "script")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	p := Named(Fermata)
	if err := p.Find(t.Context(), dir, binary); err != nil {
		t.Fatal(err)
	}
	r, err := p.Start(templates, dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

func TestAProgramReadsItsConfigurationAndTellsWhatItSaid(t *testing.T) {
	r := started(t, t.TempDir(), `echo "$1 $2"; cat "$3"; exit 1`)
	<-r.Exited()
	if want := "serve -c\nlisten: here"; r.Said() != want {
		t.Errorf("got %q, want %q", r.Said(), want)
	}
}

// nginx's workers outlive a master that is killed.
func TestNoChildOutlivesAProgramThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r := started(t, dir, `trap "" TERM; sleep 600 >"$(dirname "$0")/fifo" & wait`)
	child, err := os.Open(fifo) // as soon as the child has it open
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	r.Kill()
	if rest, err := io.ReadAll(child); err != nil || len(rest) != 0 {
		t.Errorf("got %q, %v, want the end", rest, err)
	}
}

// Fermata's successor goes on when the process that started it has ended.
func TestNoChildOutlivesAProgramThatHasEnded(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r := started(t, dir, `trap "" TERM; sleep 600 >"$(dirname "$0")/fifo" &`)
	child, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	<-r.Exited()
	r.Stop()
	if r.hasOthers() {
		t.Error("got a process of the group, want none")
	}
	if rest, err := io.ReadAll(child); err != nil || len(rest) != 0 {
		t.Errorf("got %q, %v, want the end", rest, err)
	}
}

// nginx replaces itself only where its parent is not the one that started it.
func TestAnAdoptedProgramHasAnotherParentInTheEnd(t *testing.T) {
	dir := t.TempDir()
	binary, fifo := filepath.Join(dir, "script"), filepath.Join(dir, "fifo")
	script := `#!/bin/sh
parent() { cut -d " " -f 4 /proc/$$/stat; }
first=$(parent); echo $$ >"$1/pid"
while [ "$(parent)" = "$first" ]; do sleep 0.02; done
echo "$2 $3" >"$1/fifo"; sleep 600
`
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := Program{Name: Fermata, Config: "fermata.yaml", args: []string{dir}}.With("more").Adopted(filepath.Join(dir, "pid"))
	if err := p.Find(t.Context(), dir, binary); err != nil {
		t.Fatal(err)
	}
	r, err := p.Start(templates, dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	said, err := os.ReadFile(fifo) // ends with the first line, or with the program
	if want := filepath.Join(dir, "fermata.yaml") + " more\n"; err != nil || string(said) != want {
		t.Errorf("got %q, %v, want %q", said, err, want)
	}
}

func TestNoProgramStopsAtOnce(t *testing.T) {
	p := Named("none")
	if err := p.Find(t.Context(), t.TempDir(), ""); err != nil || p.Version(t.Context()) != "" {
		t.Errorf("got %v and version %q, want none", err, p.Version(t.Context()))
	}
	var r *Running
	r.Stop()
	if r.Said() != "" {
		t.Errorf("got %q, want nothing", r.Said())
	}
}

func TestAProgramThatIsNotThereIsLeftOutLoudly(t *testing.T) {
	p := Program{Name: "no-such-proxy", Config: "no-such.conf"}
	if err := p.Find(t.Context(), t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "LEFT OUT") {
		t.Errorf("got %v, want that it is left out", err)
	}
}

func TestFreePortsAreDifferent(t *testing.T) {
	ports, err := FreePorts(2)
	if err != nil || len(ports) != 2 || ports[0] == ports[1] {
		t.Errorf("got %v, %v, want two", ports, err)
	}
}
