package screen

import "unicode/utf8"

// key is one that was pressed: the character that it gives, or one of these.
type key rune

const (
	keyUp key = -1 - iota
	keyDown
	keyFirst
	keyLast
	keyEscape
	keyOther

	keyInterrupt key = 3    // Ctrl-C
	keyHangup    key = 4    // Ctrl-D
	keyRepaint   key = 0x0c // Ctrl-L
	keySuspend   key = 0x1a // Ctrl-Z
)

const escape = 0x1b

// sequences are what terminals send for keys without a character, behind
// Escape and "[" or "O".
var sequences = map[string]key{
	"A": keyUp, "B": keyDown, "H": keyFirst, "F": keyLast,
	"1~": keyFirst, "7~": keyFirst, "4~": keyLast, "8~": keyLast,
}

// keysOf reads what a terminal has sent at once. A key's bytes come together,
// so that an Escape with nothing behind it is the key of that name.
func keysOf(input []byte) []key {
	var keys []key
	for len(input) > 0 {
		k, size := firstKey(input)
		keys = append(keys, k)
		input = input[size:]
	}
	return keys
}

func firstKey(input []byte) (k key, size int) {
	if input[0] != escape {
		r, size := utf8.DecodeRune(input)
		return key(r), size
	}
	if len(input) == 1 {
		return keyEscape, 1
	}
	if input[1] != '[' && input[1] != 'O' {
		return keyOther, 2 // Alt with a character
	}
	end := 2
	for end < len(input)-1 && !isFinal(input[end]) {
		end++
	}
	end = min(end+1, len(input))
	if k, ok := sequences[string(input[2:end])]; ok {
		return k, end
	}
	return keyOther, end
}

// isFinal is true for the byte that ends a sequence.
func isFinal(b byte) bool { return b >= 0x40 && b <= 0x7e }
