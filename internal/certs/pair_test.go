package certs

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writePair writes a self-signed pair to a folder of its own.
func writePair(t *testing.T, now time.Time, hosts ...string) Pair {
	t.Helper()
	p, err := WriteSelfSigned(t.TempDir(), hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCheckAcceptsAGoodPair(t *testing.T) {
	now := time.Now()
	if err := Check(writePair(t, now, "ws.example.com"), now); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestCheckAcceptsCertAndKeyInOneFile(t *testing.T) {
	now := time.Now()
	p := writePair(t, now, "ws.example.com")
	both := writeFile(t, filepath.Join(t.TempDir(), "both.pem"), readText(t, p.Cert)+readText(t, p.Key))
	if err := Check(Pair{Cert: both, Key: both}, now); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestCheckSaysWhatIsWrongWithAPair(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	good := writePair(t, now, "ws.example.com", "127.0.0.1")
	other := writePair(t, now, "other.example.com")
	garbage := writeFile(t, filepath.Join(dir, "garbage.pem"), "garbage")
	half := writeFile(t, filepath.Join(dir, "half.pem"), readText(t, good.Cert)[:200])
	halfKey := writeFile(t, filepath.Join(dir, "half.key"), readText(t, good.Key)[:100])
	encrypted := writeFile(t, filepath.Join(dir, "encrypted.key"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
	huge := writeFile(t, filepath.Join(dir, "huge.pem"), strings.Repeat("x", maxFileSize+1))

	f := func(p Pair, now time.Time, want ...string) {
		t.Helper()
		err := Check(p, now)
		if err == nil {
			t.Errorf("got no error, want one with %q", want)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("got %q, want it to contain %q", err, part)
			}
		}
	}
	f(Pair{filepath.Join(dir, "none.pem"), good.Key}, now, "none.pem: no such file")
	f(Pair{good.Cert, filepath.Join(dir, "none.key")}, now, "none.key: no such file")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f(Pair{dir, good.Key}, now, dir+": got a directory, want a regular file")
	f(Pair{pipe, good.Key}, now, pipe+": got a named pipe, want a regular file")
	f(Pair{good.Cert, pipe}, now, pipe+": got a named pipe, want a regular file")
	f(Pair{huge, good.Key}, now, "got more than 1048576 bytes, want fewer")
	f(Pair{garbage, good.Key}, now, "garbage.pem: got no certificate")
	f(Pair{half, good.Key}, now, "half.pem: got no certificate")
	f(Pair{good.Key, good.Key}, now, "got no certificate")
	f(Pair{good.Cert, good.Cert}, now, "is no key for")
	f(Pair{good.Cert, halfKey}, now, "half.key is no key for", "cert.pem (ws.example.com, 127.0.0.1)")
	f(Pair{good.Cert, encrypted}, now, "encrypted.key: got an encrypted key")
	f(Pair{good.Cert, other.Key}, now, other.Key+" is no key for "+good.Cert+" (ws.example.com, 127.0.0.1)", "does not match")
	f(good, now.AddDate(0, 1, 0), "cert.pem (ws.example.com, 127.0.0.1)", "expired 2026-05-31T12:00:00Z, it is 2026-06-01T12:00:00Z")
	f(good, now.AddDate(0, -1, 0), "not valid before 2026-05-01T11:00:00Z, it is 2026-04-01T12:00:00Z")
}
