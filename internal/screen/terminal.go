package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What is written to take the terminal and to give it back. Lines are not
// wrapped, so that a character which is wider than we think spoils its line
// and no other.
const (
	takeScreen = "\x1b[?1049h"
	holdScreen = "\x1b[?25l\x1b[?7l"
	giveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
	clearAll   = "\x1b[H\x1b[2J"
	beginFrame = "\x1b[?2026h" // shown as one, where the terminal knows that
	endFrame   = "\x1b[?2026l"
)

// terminal is the person's, taken for as long as we draw on it. Only keys may
// be called from another goroutine than the others.
type terminal struct {
	in, out *os.File
	styled  bool
	before  *term.State // nil: it has not been taken
	shown   []string    // the lines that are on it; nil: unknown
	width   int
	height  int
}

// take makes the terminal ours. It may be called again, when others may have
// changed it.
func (t *terminal) take() error {
	state, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	how := holdScreen
	if t.before == nil {
		t.before, how = state, takeScreen+holdScreen
	}
	t.shown = nil
	_, err = io.WriteString(t.out, how)
	return err
}

// give leaves the terminal as it was. It may be called again.
func (t *terminal) give() error {
	if t.before == nil {
		return nil
	}
	_, err := io.WriteString(t.out, giveScreen)
	if restored := term.Restore(int(t.in.Fd()), t.before); err == nil {
		err = restored
	}
	t.before = nil
	return err
}

// suspend stops the process as Ctrl-Z does elsewhere, and returns when it goes
// on. Where nobody could continue it, the kernel does not stop it.
func (t *terminal) suspend() error {
	if err := t.give(); err != nil {
		return err
	}
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return err
	}
	<-time.After(100 * time.Millisecond) // until the signal has come, at the latest
	return t.take()
}

// size is looked up anew at each call, 80x24 where the terminal does not say.
func (t *terminal) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// draw writes the lines that have changed, all at once.
func (t *terminal) draw(m *model) error {
	width, height := t.size()
	var frame strings.Builder
	if t.shown == nil || width != t.width || height != t.height {
		frame.WriteString(clearAll)
		t.width, t.height, t.shown = width, height, make([]string, height)
	}
	for i, line := range m.lines(width, height) {
		text := line.painted(t.styled)
		if text != t.shown[i] {
			fmt.Fprintf(&frame, "\x1b[%d;1H\x1b[2K%s", i+1, text)
			t.shown[i] = text
		}
	}
	if frame.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(t.out, beginFrame+frame.String()+endFrame)
	return err
}

// keys calls each for what is typed, until stop can be read from, or is
// closed, or the terminal ends.
func (t *terminal) keys(stop *os.File, each func(key)) {
	ready := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	input := make([]byte, 256)
	for {
		if _, err := unix.Poll(ready, -1); err == unix.EINTR {
			continue
		} else if err != nil || ready[1].Revents != 0 {
			return
		}
		n, err := t.in.Read(input)
		for _, k := range keysOf(input[:n]) {
			each(k)
		}
		if err != nil {
			return
		}
	}
}
