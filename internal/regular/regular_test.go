package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestARegularFileIsReadAlsoBehindALink(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(name, []byte("text"), 0o600), os.Symlink(name, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{name, link} {
		if got, err := Read(name, 4); string(got) != "text" || err != nil {
			t.Errorf("%s: got %q, %v, want text", name, got, err)
		}
	}
}

// Nobody ever writes into the pipe: opening it would wait for ever.
func TestWhatIsNoRegularFileIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	pipe, link, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "socket")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := func(name, want string) {
		t.Helper()
		_, err := Read(name, 1<<20)
		if !errors.As(err, new(Unfit)) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	f(pipe, "got a named pipe, want a regular file")
	f(link, "got a named pipe, want a regular file")
	f(dir, "got a directory, want a regular file")
	f(socket, "got a socket, want a regular file")
	f("/dev/zero", "got a device, want a regular file")
}

func TestWhatIsTooLargeIsNotReadToItsEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(name, 5); string(got) != "12345" || err != nil {
		t.Errorf("got %q, %v, want all 5 bytes", got, err)
	}
	if _, err := Read(name, 4); !errors.As(err, new(Unfit)) || err.Error() != "got more than 4 bytes, want fewer" {
		t.Errorf("got %v, want that it is too large", err)
	}
}

func TestAnErrorLeavesTheNameToTheCaller(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "none"), 1)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "none") {
		t.Errorf("got %v, want fs.ErrNotExist without the name", err)
	}
}
