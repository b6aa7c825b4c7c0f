package balancer

import (
	"fmt"
	"strconv"
)

// Cap is how many clients a node may have; the zero value caps nothing. In the
// configuration it is a number, or none.
type Cap int

// DefaultCap is for a node of whose cap nothing is said: without ext-uv Reverb
// ends at about 1,017 connections, and some of those are requests and checks.
const DefaultCap Cap = 950

// SafeCap is the most that a node without ext-uv survives.
const SafeCap Cap = 1016

// maxCap is above what a machine can hold.
const maxCap = 100_000_000

// UnmarshalText reads a number from 1, or none.
func (c *Cap) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		*c = 0
		return nil
	}
	number, err := strconv.Atoi(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("got %q, want none or a number such as %d", text, DefaultCap)
	case number < 1:
		return fmt.Errorf("got %d, want none or a number such as %d", number, DefaultCap)
	case number > maxCap:
		return fmt.Errorf("got %d, want none or at most %d", number, maxCap)
	}
	*c = Cap(number)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (c Cap) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Cap) String() string {
	if c == 0 {
		return "none"
	}
	return strconv.Itoa(int(c))
}
