package syntax

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// show is what a test compares: every directive with its line.
func show(directives []Directive) string {
	var b strings.Builder
	for _, d := range directives {
		fmt.Fprintf(&b, "%d:%s", d.Line, d.Name)
		for _, arg := range d.Args {
			fmt.Fprintf(&b, " %q", arg)
		}
		if d.Block != nil {
			b.WriteString(" {" + show(d.Block) + "}")
		}
		b.WriteString(";")
	}
	return b.String()
}

func TestParseReadsWordsAsNginxDoes(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := Parse("f", []byte(text))
		if err != nil || show(got) != want {
			t.Errorf("%s: got %s and %v, want %s", text, show(got), err, want)
		}
	}
	f("", "")
	f("# nothing }\n", "")
	f("a;", "1:a;")
	f("a b\n\tc;d;", `1:a "b" "c";2:d;`)
	f("a{b c;}", `1:a {1:b "c";};`)
	f("a { }", `1:a {};`)
	f("a\r\n{\r\n  b;\r\n}\r\n", `1:a {3:b;};`)
	f(`a "b c" 'd"e' "";`, `1:a "b c" "d\"e" "";`)
	f(`a "b\"c" d\;e \\ "\t\x";`, `1:a "b\"c" "d\\;e" "\\" "\t\\x";`)
	f("a ${b}c $d{e;}", `1:a "${b}c" "$d" {1:e;};`)
	f("a b#c; # d", `1:a "b#c";`)
	f("a b}c;", `1:a "b}c";`)
	f(`a "b")c;`, `1:a "b" ")c";`)
	f("a 'b\nc'\nd; e;", "1:a \"b\\nc\" \"d\";3:e;")
}

func TestParseSaysWhereAMistakeIs(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := Parse("f", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %s and %v, want %s", text, show(got), err, want)
		}
	}
	f("\na", `f:2: unexpected end of file, expecting ";" or "{" after "a"`)
	f("a {\n b;\n", `f:3: unexpected end of file, expecting "}"`)
	f("a;\n}", `f:2: unexpected '}'`)
	f("a;\n;", `f:2: unexpected ';'`)
	f("{}", `f:1: unexpected '{'`)
	f("a {\n b }", `f:2: unexpected '}', expecting ";" after "b"`)
	f("a;\nb 'c\n", `f:2: got a ' without the one that ends it`)
	f(`a "b\"`, `f:1: got a " without the one that ends it`)
	f(`a "b"c;`, `f:1: unexpected 'c' after a quoted word`)
	f("a {\n x_by_lua_block { }}", `f:2: x_by_lua_block: got Lua, which is not read here; take it out for the import`)
	f(strings.Repeat("a{", 51), `f:1: got blocks in blocks, 51 deep`)
}

// folder writes files and returns the folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadPutsIncludedFilesInTheirPlace(t *testing.T) {
	dir := folder(t, map[string]string{
		"nginx.conf":       "a; http { include conf.d/*.conf; include none/*.conf; include none/x; b; }",
		"conf.d/2.conf":    "two { include snippets/x; }",
		"conf.d/1.conf":    "\none;",
		"conf.d/other.txt": "other;",
		"conf.d/.3.conf":   "hidden;",
		"snippets/x":       "x;",
	})
	got, err := Read(filepath.Join(dir, "nginx.conf"), dir)
	want := `1:a;1:http {2:one;1:two {1:x;};1:include "none/*.conf";1:include "none/x";1:b;};`
	if err != nil || show(got) != want {
		t.Fatalf("got %s and %v, want %s", show(got), err, want)
	}
	if x := got[1].Block[1].Block[0]; x.File != filepath.Join(dir, "snippets/x") {
		t.Errorf("got x from %s, want its own file", x.File)
	}
}

func TestReadSaysWhichFileIsWrong(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		dir := folder(t, map[string]string{"nginx.conf": "\n" + text, "broken": "a;\n}", "again": "include again;", "d/e": ""})
		_, err := Read(filepath.Join(dir, "nginx.conf"), dir)
		if want = strings.ReplaceAll(want, "DIR", dir); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	f("include;", "DIR/nginx.conf:2: include: got 0 arguments, want 1")
	f("include [x;", "DIR/nginx.conf:2: include: syntax error in pattern")
	f("include broken;", "DIR/broken:2: unexpected '}'")
	f("include again;", "DIR/again:1: include: DIR/again: got includes in includes, 22 files and 21 deep")
	f("include d;", "DIR/nginx.conf:2: include: DIR/d: got a folder, a device or more than 16 MiB, want a configuration file")
}

// write is the opposite of Parse.
func write(b *strings.Builder, directives []Directive) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, d := range directives {
		for _, word := range slices.Concat([]string{d.Name}, d.Args) {
			b.WriteString(`"` + quote.Replace(word) + `" `)
		}
		if d.Block == nil {
			b.WriteString(";")
			continue
		}
		b.WriteString("{")
		write(b, d.Block)
		b.WriteString("}")
	}
}

// FuzzParse wants directives or an error with its line, and that what was
// read can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("a 'b c' { d ${e}f \"\\\"\\n\"; } # g\n"))
	f.Add([]byte(`a \{ "b"){};`))
	f.Fuzz(func(t *testing.T, text []byte) {
		directives, err := Parse("f", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %q, want a line that begins with its place", err)
			}
			return
		}
		var first, second strings.Builder
		write(&first, directives)
		again, err := Parse("f", []byte(first.String()))
		write(&second, again)
		if err != nil || first.String() != second.String() {
			t.Fatalf("got %q and %v, want %q", second.String(), err, first.String())
		}
	})
}
