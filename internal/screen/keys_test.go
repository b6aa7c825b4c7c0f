package screen

import (
	"slices"
	"testing"
)

func TestKeysAreReadAsTerminalsSendThem(t *testing.T) {
	check := func(input string, want ...key) {
		t.Helper()
		if got := keysOf([]byte(input)); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", input, got, want)
		}
	}
	check("jk", 'j', 'k')
	check("ü\x03", 'ü', keyInterrupt)
	check("\x1b", keyEscape)
	check("\x1b[A\x1b[B\x1bOA", keyUp, keyDown, keyUp)
	check("\x1b[H\x1b[4~q", keyFirst, keyLast, 'q')
	check("\x1b[1;5A\x1bdd", keyOther, keyOther, 'd')
	check("\x1b[", keyOther)
	check("\x1b[<0;10;10Mj", keyOther, 'j')
	check("\xff", '\ufffd')
}

// FuzzKeys reads whatever is typed, pasted or sent by the terminal itself.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[A\x1b[1;5A\x1bO\x1b[\x1b\x1bjü\xff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if keys := keysOf(input); len(keys) > len(input) || (len(keys) == 0) != (len(input) == 0) {
			t.Errorf("%q: got %d keys", input, len(keys))
		}
	})
}
