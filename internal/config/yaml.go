package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parseYAML returns the root of the file's only document, or nil when there is
// nothing to go on with; the reason is then in the report.
func parseYAML(r *report, text []byte) *yaml.Node {
	if len(text) > maxFileSize {
		r.add(0, "", "got more than %d bytes, want a smaller file", maxFileSize)
		return nil
	}
	if line, ok := unprintable(text); ok {
		r.add(line, "", "got a control character or bytes that are not UTF-8, want plain text")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	root := nextDocument(r, decoder, text)
	if len(r.mistakes) > 0 {
		return nil
	}
	if root == nil || isNull(root) {
		r.add(1, "", "got an empty file, want %s", r.holds)
		return nil
	}
	if second := nextDocument(r, decoder, text); second != nil {
		r.add(second.Line, "", "got a second document, want one")
	}
	return root
}

// unprintable finds the first line that YAML does not allow; yaml.v3 does not
// say which one it is.
func unprintable(text []byte) (line int, found bool) {
	line = 1
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		switch {
		case char == '\n':
			line++
		case char == utf8.RuneError && size == 1, unicode.IsControl(char) && !strings.ContainsRune("\t\r\u0085", char):
			return line, true
		}
		text = text[size:]
	}
	return 0, false
}

// nextDocument returns nil at the end of the file, and on a syntax error.
func nextDocument(r *report, decoder *yaml.Decoder, text []byte) *yaml.Node {
	var document yaml.Node
	err := readDocument(decoder, &document)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		line, message := syntaxError(err, text)
		r.add(line, "", "%s", message)
		return nil
	}
	root := document.Content[0]
	root.Line = document.Line
	return root
}

// readDocument makes an error of a panic of yaml.v3, which was seen to have some:
// a reload of a broken file must not end the process.
func readDocument(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("yaml: the parser gave up: %v", reason)
		}
	}()
	return decoder.Decode(into)
}

var (
	errorLine     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxError takes the line out of an error of yaml.v3, which leaves it out
// for the first line, and counts from 0 in what its parser did not find.
func syntaxError(err error, text []byte) (line int, message string) {
	match := errorLine.FindStringSubmatch(err.Error())
	if match == nil {
		return 1, "got broken YAML: " + strconv.Quote(err.Error())
	}
	line, _ = strconv.Atoi(match[1])
	message = match[2]
	if anchor := unknownAnchor.FindStringSubmatch(message); anchor != nil {
		before, _, _ := bytes.Cut(text, []byte("*"+anchor[1]))
		return 1 + bytes.Count(before, []byte("\n")), gotAlias // the name may be a secret without quotes
	}
	if line == 0 || strings.HasPrefix(message, "did not find expected") {
		line++
	}
	return line, "got broken YAML: " + message
}

// gotAlias also keeps a small file from standing for a huge one.
const gotAlias = `got an anchor, an alias or a tag (&, * or !), want a plain value, or quotes around it`
