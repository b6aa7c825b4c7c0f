package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzParse wants a configuration or mistakes of one line each, and no panic.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(required))
	f.Add([]byte("a: &a [*a, *a]\nb: {<<: *a}\n---\n? [x]\n: |\n  y\n"))
	f.Add([]byte("listen: [{address: x, tls: {certificates: [{cert: /dev/zero, key: .}]}}]\n"))
	f.Add([]byte("admin: {token: \"$${a} ${HOME} ${\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f.yaml", text)
		var mistakes Mistakes
		switch {
		case (c == nil) == (err == nil):
			t.Fatalf("got %v and %v, want one of the two", c, err)
		case err != nil && !errors.As(err, &mistakes):
			t.Fatalf("got %T, want Mistakes", err)
		case err != nil && strings.Count(err.Error(), "\n") != len(mistakes)-1:
			t.Fatalf("got %q, want a line for each of %d mistakes", err, len(mistakes))
		}
	})
}
