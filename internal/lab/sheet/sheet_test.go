package sheet

import (
	"fmt"
	"strings"
	"testing"

	"fermata/internal/lab/sheet/sheettest"
)

func TestNumbersStandAtTheRight(t *testing.T) {
	var b strings.Builder
	Table(&b, [][]string{{"what", "unit", "a", "b"}, {"größe", "", "100", "5"}, {"x", "", "", ""}}, 2)
	if want := "what   unit    a  b\ngröße        100  5\nx\n"; b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestARemarkIsMadeOnce(t *testing.T) {
	h := Begin()
	for range 2 {
		h.Remark("the %s was busy", "node")
	}
	var b strings.Builder
	h.TellRemarks(&b)
	if want := "! the node was busy\n"; b.String() != want {
		t.Errorf("got %q, want %q", &b, want)
	}
	if h.End(); h.Took <= 0 || h.Machine == "" {
		t.Errorf("got %+v, want how long it took, and where", h)
	}
}

func TestPanelsStandTwoALineBelowTheLegend(t *testing.T) {
	chart := Chart{
		Title: "a & b", Style: ".dot { opacity: .5 }\n", Panels: 3, Height: 100,
		Legend: func(b *strings.Builder) { b.WriteString("<path class=\"dot first\"/>\n") }, LegendHeight: 20,
		Panel: func(b *strings.Builder, i int) { PanelTitle(b, fmt.Sprintf("<%d>", i)) },
	}
	var b strings.Builder
	if err := chart.SVG(&b); err != nil {
		t.Fatal(err)
	}
	if titles, dots := sheettest.Shapes(t, b.String(), "title"), sheettest.Shapes(t, b.String(), "dot"); titles != 3 || dots != 1 {
		t.Errorf("got %d titles and %d dots, want 3 and 1:\n%s", titles, dots, &b)
	}
	for _, want := range []string{`height="220"`, "<title>a &amp; b</title>", "translate(440,20)", "translate(0,120)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got %s\nwant %s in it", &b, want)
		}
	}
}
