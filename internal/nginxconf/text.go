package nginxconf

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fermata/internal/nginxconf/syntax"
)

const (
	commentWidth = 110
	labelWidth   = 48
)

// wrap writes a comment, in lines of which all but the first are indented.
func wrap(b *bytes.Buffer, indent, text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > commentWidth {
			b.WriteString(line + "\n")
			line = "#" + indent
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// private are the directives whose values may be secrets, or only long, and
// how many of their arguments a comment shows.
var private = map[string]int{
	"proxy_set_header": 1, "add_header": 1, "set": 1, "if": 0, "map": 1, "return": 1, "rewrite": 1, "ssl_ciphers": 0,
	"log_format": 1, "auth_basic": 0,
}

// label is a directive as a comment shows it.
func label(d syntax.Directive) string {
	args := d.Args
	if shown, some := private[d.Name]; some {
		args = args[:min(shown, len(args))]
	}
	text := []rune(visible(strings.Join(append([]string{d.Name}, args...), " ")))
	if len(text) > labelWidth && d.Name != "include" && d.Name != "proxy_pass" {
		return string(text[:labelWidth-1]) + "…"
	}
	return string(text)
}

// visible keeps what strangers wrote on its line, and YAML's parser content.
func visible(text string) string {
	return strings.Map(func(char rune) rune {
		if unicode.IsPrint(char) {
			return char
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./]([A-Za-z0-9_.:/-]*[A-Za-z0-9_./-])?$`)

// scalar is a value in YAML, with quotes where it needs them.
func scalar(text string) string {
	if plain.MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	return quote(text)
}

// quote is a value in YAML in quotes, in which ${ means nothing.
func quote(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "${", "$${")
	return strconv.Quote(text)
}
