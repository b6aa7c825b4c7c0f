package smoke_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"

	"fermata/internal/smoke"
)

var mixed = smoke.Report{URLs: []smoke.URLReport{{
	URL: "wss://ws.example.com",
	Cases: []smoke.Case{
		{Name: "resolve+connect", Result: smoke.Pass, Took: 3 * time.Millisecond, Detail: "192.0.2.1:443"},
		{Name: "connection_established", Result: smoke.Fail, Took: 1500 * time.Millisecond, Got: `Close 4100 (no node & "none"` + "\x1b[2J)", Want: "it"},
		{Name: "ping", Result: smoke.Skipped, Detail: "because connection_established failed"},
	},
}}}

func TestTextIsAlignedAndCannotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	if err := mixed.WriteText(&out, nil); err != nil {
		t.Fatal(err)
	}
	want := `wss://ws.example.com
  ✓ resolve+connect             3 ms  192.0.2.1:443
  ✗ connection_established   1500 ms  got Close 4100 (no node & "none"?[2J), want it
  - ping                              because connection_established failed

1 passed, 1 failed, 1 skipped in 1.503s
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestOnlyMarksArePainted(t *testing.T) {
	var out bytes.Buffer
	paint := func(colour, text string) string { return "<" + colour + text + ">" }
	if err := mixed.WriteText(&out, paint); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "<31✗> connection_established") || strings.Count(got, "<") != 3 {
		t.Errorf("got:\n%s\nwant three painted marks", got)
	}
}

func TestJSONHasEveryCase(t *testing.T) {
	var out bytes.Buffer
	if err := mixed.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		OK   bool
		URLs []struct {
			URL   string
			OK    bool
			Cases []struct {
				Name, Result, Detail, Got, Want string
				Seconds                         float64
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.OK || got.URLs[0].OK || len(got.URLs[0].Cases) != 3 {
		t.Errorf("got %+v, want three cases that are not OK", got)
	}
	if c := got.URLs[0].Cases[1]; c.Result != "fail" || c.Seconds != 1.5 || c.Want != "it" {
		t.Errorf("got %+v, want the failure", c)
	}
}

func TestJUnitCountsFailuresAndSkips(t *testing.T) {
	var out bytes.Buffer
	if err := mixed.WriteJUnit(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Skipped  int    `xml:"skipped,attr"`
			Cases    []struct {
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Suites[0]
	if s.Name != "wss://ws.example.com" || s.Tests != 3 || s.Failures != 1 || s.Skipped != 1 {
		t.Errorf("got %+v, want 3 tests, 1 failure, 1 skipped", s)
	}
	if f := s.Cases[1].Failure; f == nil || !strings.Contains(f.Message, "Close 4100") {
		t.Errorf("got failure %+v, want its message", f)
	}
}

func TestKeyAndSecretAreNeverPrinted(t *testing.T) {
	s := startStack(t, 1)
	s.front.aborts = "/app/" // an error of the dial has the URL in it
	wantHidden(t, s.options(), "upgrade")
	s.front.aborts = "/apps/" // and one of the POST the signature
	wantHidden(t, s.options(), "event")
}

func wantHidden(t *testing.T, o smoke.Options, failing string) {
	t.Helper()
	report, err := smoke.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, byName(report.URLs[0])[failing], "the connection's end", "")
	var out bytes.Buffer
	if err := errors.Join(report.WriteText(&out, nil), report.WriteJSON(&out), report.WriteJUnit(&out)); err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{o.Key, o.Secret.Reveal(), "auth_signature"} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("got %q in the output:\n%s", hidden, out.String())
		}
	}
}
