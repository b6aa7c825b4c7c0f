package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAProgramThatWasStartedByALinkIsStartedByItAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, other, link := filepath.Join(dir, "release"), filepath.Join(dir, "other"), filepath.Join(dir, "current")
	for _, file := range []string{release, other} {
		if err := os.WriteFile(file, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(release, link); err != nil {
		t.Fatal(err)
	}
	f := func(name, want string) {
		t.Helper()
		if got := startedAs(name, release); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	f(link, link)
	f(release, release)
	f(other, release) // somebody has given it another name
	f(filepath.Join(dir, "nothing"), release)
}
