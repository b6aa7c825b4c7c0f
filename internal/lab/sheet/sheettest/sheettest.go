// Package sheettest looks into charts, for tests.
package sheettest

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// Shapes counts the elements of a chart that have the class. It ends the test
// when the chart is no XML.
func Shapes(t testing.TB, svg, class string) (count int) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("got %v in %s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && slices.Contains(classes(e), class) {
			count++
		}
	}
}

func classes(e xml.StartElement) []string {
	for _, a := range e.Attr {
		if a.Name.Local == "class" {
			return strings.Fields(a.Value)
		}
	}
	return nil
}
