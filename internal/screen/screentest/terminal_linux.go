package screentest

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// timeout is how long a test waits for what must be shown.
const timeout = 20 * time.Second

// Terminal is a terminal and who looks at it. Its methods may be called
// concurrently.
type Terminal struct {
	// TTY is the side of the program.
	TTY *os.File

	t      *testing.T
	master *os.File
	before *unix.Termios
	ended  chan struct{}

	mu     sync.Mutex
	screen *screen
	shown  chan struct{} // closed when something is drawn
}

// Open opens a terminal of that size, until the test ends. What is written to
// it that we do not write fails the test.
func Open(t *testing.T, width, height int) *Terminal {
	t.Helper()
	t.Setenv("TERM", "xterm")
	master, tty := Pair(t, width, height)
	x := &Terminal{TTY: tty, t: t, master: master, ended: make(chan struct{}), screen: newScreen(width, height), shown: make(chan struct{})}
	x.before = x.termios()
	go x.read()
	t.Cleanup(x.close)
	return x
}

// Pair opens a terminal of that size: the sides of the person and of the
// program, which the caller closes.
func Pair(t *testing.T, width, height int) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED, nothing shows what a terminal gets: %v", err)
	}
	resize(t, person, width, height)
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

func resize(t *testing.T, person *os.File, width, height int) {
	t.Helper()
	size := unix.Winsize{Row: uint16(height), Col: uint16(width)}
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
}

// read ends with EIO, when the program's side is closed.
func (x *Terminal) read() {
	defer close(x.ended)
	input := make([]byte, 4096)
	for {
		n, err := x.master.Read(input)
		if err != nil {
			return
		}
		x.mu.Lock()
		x.screen.write(input[:n])
		close(x.shown)
		x.shown = make(chan struct{})
		x.mu.Unlock()
	}
}

func (x *Terminal) close() {
	x.TTY.Close()
	<-x.ended
	x.master.Close()
	for _, fault := range x.screen.faults {
		x.t.Errorf("terminal: got %s", fault)
	}
}

// Type has the person type these characters.
func (x *Terminal) Type(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// Resize has the person change the size. The program is told by SIGWINCH.
func (x *Terminal) Resize(width, height int) {
	x.t.Helper()
	x.mu.Lock()
	x.screen.resize(width, height)
	x.screen.outdated = true
	x.mu.Unlock()
	resize(x.t, x.master, width, height)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil { // it is no terminal of ours, so the kernel tells us nothing
		x.t.Fatal(err)
	}
}

// Hangup closes the person's side.
func (x *Terminal) Hangup() { x.master.Close() }

// Wait waits until all of this is shown at once.
func (x *Terminal) Wait(texts ...string) {
	x.t.Helper()
	x.wait(fmt.Sprintf("it to have %q", texts), func() bool {
		text := x.screen.text()
		return !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(text, want) })
	})
}

// WaitGone waits until this is not shown any more.
func (x *Terminal) WaitGone(text string) {
	x.t.Helper()
	x.wait(fmt.Sprintf("it without %q", text), func() bool { return !strings.Contains(x.screen.text(), text) })
}

// wait looks at the screen whenever it has changed, until it is so.
func (x *Terminal) wait(what string, so func() bool) {
	x.t.Helper()
	after := time.After(timeout)
	for {
		x.mu.Lock()
		done, text, modes, shown := so(), x.screen.text(), x.screen.modes, x.shown
		x.mu.Unlock()
		if done {
			return
		}
		select {
		case <-shown:
		case <-after:
			x.t.Fatalf("got after %s, with %+v,\n%s\nwant %s", timeout, modes, text, what)
		}
	}
}

// WantAsBefore fails the test unless the terminal is as it was when it was
// opened.
func (x *Terminal) WantAsBefore() {
	x.t.Helper()
	if got := x.termios(); !reflect.DeepEqual(got, x.before) {
		x.t.Errorf("terminal: got the modes %+v, want %+v as before", got, x.before)
	}
	// What was written last may not have been read yet.
	x.wait(fmt.Sprintf("%+v", modes{}), func() bool { return x.screen.modes == modes{} })
}

func (x *Terminal) termios() *unix.Termios {
	x.t.Helper()
	state, err := unix.IoctlGetTermios(int(x.TTY.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return state
}
