package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// text is a field's value as people read it.
func text(value any) string {
	switch value := value.(type) {
	case time.Duration:
		return short(value).String()
	case time.Time:
		return value.Local().Format(time.DateTime)
	}
	return fmt.Sprint(value)
}

// short is d with as many digits as people want to read.
func short(d time.Duration) time.Duration {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	case d < time.Minute:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// quoted is the value in quotes if one could not see where it ends, or if
// there is something in it that does not show.
func quoted(value string) string {
	odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' || r == '=' }
	if strings.ContainsFunc(value, odd) {
		return strconv.Quote(value)
	}
	return value
}
