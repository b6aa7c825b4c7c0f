package smoke

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

type junitReport struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string     `xml:"name,attr"`
	ClassName string     `xml:"classname,attr"`
	Time      string     `xml:"time,attr"`
	Failure   *junitNote `xml:"failure"`
	Skipped   *junitNote `xml:"skipped"`
}

type junitNote struct {
	Message string `xml:"message,attr"`
}

// WriteJUnit writes the report as CI servers read it: a suite per URL.
func (r Report) WriteJUnit(w io.Writer) error {
	var out junitReport
	for _, u := range r.URLs {
		out.Suites = append(out.Suites, u.junit())
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (u URLReport) junit() junitSuite {
	suite := junitSuite{
		Name: u.URL, Tests: len(u.Cases), Failures: u.Count(Fail), Skipped: u.Count(Skipped), Time: seconds(u.Took()),
	}
	for _, c := range u.Cases {
		jc := junitCase{Name: c.Name, ClassName: "fermata.smoke", Time: seconds(c.Took)}
		switch c.Result {
		case Fail:
			jc.Failure = &junitNote{c.Text()}
		case Skipped:
			jc.Skipped = &junitNote{c.Text()}
		}
		suite.Cases = append(suite.Cases, jc)
	}
	return suite
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
