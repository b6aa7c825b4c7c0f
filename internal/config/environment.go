package config

import (
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts environment variables in the place of ${NAME}; $${ stands for a
// plain ${. Its errors show the variable's name and nothing else of the text,
// which may be a secret.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return out.String() + text, nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(literal + "${")
			text = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !variableName.MatchString(name) {
			return "", fmt.Errorf("got ${ without a variable's name and }, want ${NAME}, or $${ for a plain ${")
		}
		value, set := lookup(name)
		if !set {
			return "", fmt.Errorf("got ${%s}, want an environment variable that is set", name)
		}
		out.WriteString(before + value)
		text = rest
	}
}
