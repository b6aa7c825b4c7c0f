package endpoint_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fermata/internal/admin/endpoint"
)

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := endpoint.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestTheSocketIsForItsUserAloneAndGoesWithItsListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	listener := listen(t, "unix:"+path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
	listener.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the file to be gone", err)
	}
}

func TestASocketLeftByADeadProcessIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	dead := listen(t, "unix:"+path)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	listen(t, "unix:"+path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("got %v, want an answer", err)
	}
	conn.Close()
}

func TestASocketThatAnswersIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	listen(t, "unix:"+path)
	if _, err := endpoint.Listen("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want address in use", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("got %v, want the first one to answer still", err)
	}
	conn.Close()
}

func TestAFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := endpoint.Listen("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want address in use", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "data" {
		t.Errorf("got %q, want the file as it was", got)
	}
}

func TestATCPAddressInUseIsAnError(t *testing.T) {
	listener := listen(t, "127.0.0.1:0")
	if _, err := endpoint.Listen(listener.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want address in use", err)
	}
}
