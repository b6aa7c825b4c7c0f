package smoke

import "time"

// Result is how a case went.
type Result string

// What a Result can be.
const (
	Pass    Result = "pass"
	Fail    Result = "fail"
	Skipped Result = "skipped"
)

// Report is what Run found.
type Report struct {
	URLs []URLReport
}

// URLReport is what was found at one URL, in the order in which it was tested.
type URLReport struct {
	URL   string
	Cases []Case
}

// Case is one promise, and whether it was held.
type Case struct {
	Name   string
	Result Result
	Took   time.Duration
	Detail string // what was seen, or why it was skipped; empty for a failure
	Got    string // of a failure
	Want   string // of a failure
}

// OK is true when no promise was broken.
func (r Report) OK() bool { return r.Count(Fail) == 0 }

// Count is the number of cases with the result.
func (r Report) Count(result Result) int {
	n := 0
	for _, u := range r.URLs {
		n += u.Count(result)
	}
	return n
}

// Took is how long all cases took together.
func (r Report) Took() time.Duration {
	var sum time.Duration
	for _, u := range r.URLs {
		sum += u.Took()
	}
	return sum
}

// Count is the number of cases with the result.
func (u URLReport) Count(result Result) int {
	n := 0
	for _, c := range u.Cases {
		if c.Result == result {
			n++
		}
	}
	return n
}

// Took is how long the cases took together.
func (u URLReport) Took() time.Duration {
	var sum time.Duration
	for _, c := range u.Cases {
		sum += c.Took
	}
	return sum
}

// Text is what a person is told about the case.
func (c Case) Text() string {
	if c.Result == Fail {
		return "got " + c.Got + ", want " + c.Want
	}
	return c.Detail
}
