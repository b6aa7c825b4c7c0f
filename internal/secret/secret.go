// Package secret keeps secrets out of logs, errors and API answers.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Text is a secret. However it is printed or marshalled, it reads [hidden];
// Reveal is the only way to its value. Keep it in exported fields: fmt does
// not ask the values of others how they want to be printed. The zero value is
// "no secret".
type Text string

// Reveal returns the secret itself.
func (t Text) Reveal() string { return string(t) }

// Equal compares in a time that does not depend on where the two differ.
func (t Text) Equal(given string) bool {
	return subtle.ConstantTimeCompare([]byte(t), []byte(given)) == 1
}

func (t Text) String() string {
	if t == "" {
		return ""
	}
	return "[hidden]"
}

// Format serves every verb of fmt.
func (t Text) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText serves JSON and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
