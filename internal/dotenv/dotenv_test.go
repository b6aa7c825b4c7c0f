package dotenv_test

import (
	"strings"
	"testing"

	"fermata/internal/dotenv"
)

func lookup(name string) (string, bool) { return "ours", name == "OUTSIDE" }

// What phpdotenv 5 makes of these.
func TestValuesAreThoseThatLaravelReads(t *testing.T) {
	check := func(text, want string) {
		t.Helper()
		values, err := dotenv.Parse("OTHER=before\n"+text, lookup)
		if got, ok := values["A"]; err != nil || !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	check("A=b", "b")
	check("A = b", "b")
	check("  export A=b  ", "b")
	check("A=", "")
	check("A=b # said", "b")
	check("A=b#said", "b")
	check("A='b # c' # said", "b # c")
	check(`A='b\n'`, `b\n`)
	check(`A="b # c"`, "b # c")
	check(`A="b\"c\\d\n"`, "b\"c\\d\n")
	check("A=\"one\ntwo\"", "one\ntwo")
	check("A=b=c", "b=c")
	check("A=first\nA=second", "second")
	check("A=${OTHER}/x", "before/x")
	check(`A="${OTHER}"`, "before")
	check(`A='${OTHER}'`, "${OTHER}")
	check(`A="\${OTHER}"`, "${OTHER}")
	check("A=${OUTSIDE}", "ours")
	check("A=${NOWHERE}", "${NOWHERE}")
	check("A=$OTHER", "$OTHER")
	check("A=b\r\nB=c\r\n", "b")
	check("\n# A=x\nA=b\nDECLARED\n", "b")
	check("A=äöü", "äöü")
}

func TestAMistakeIsToldWithItsLineAndWithoutItsValue(t *testing.T) {
	check := func(line, want string) {
		t.Helper()
		_, err := dotenv.Parse("B=c\n"+line, lookup)
		if err == nil || err.Error() != "line 2: "+want || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
	check("A=geheim geheim", "A: got more after the value, want quotes around a value with spaces")
	check("A='geheim", "A: got a quote without its end")
	check(`A="geheim`, "A: got a quote without its end")
	check(`A="geheim\x"`, `A: got a backslash before something else than one of " \ $ n r t f v`)
	check("=geheim", "got a line without a variable's name, want NAME=VALUE")
	check("geheim!=x", "got a line without a variable's name, want NAME=VALUE")
}

func FuzzParse(f *testing.F) {
	f.Add("A=\"b\\n${A}\" # c\nexport B='c'")
	f.Fuzz(func(_ *testing.T, text string) { dotenv.Parse(text, lookup) })
}
