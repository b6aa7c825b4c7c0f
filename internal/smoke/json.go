package smoke

import (
	"encoding/json"
	"io"
)

type jsonReport struct {
	OK   bool      `json:"ok"`
	URLs []jsonURL `json:"urls"`
}

type jsonURL struct {
	URL   string     `json:"url"`
	OK    bool       `json:"ok"`
	Cases []jsonCase `json:"cases"`
}

type jsonCase struct {
	Name    string  `json:"name"`
	Result  Result  `json:"result"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
	Got     string  `json:"got,omitempty"`
	Want    string  `json:"want,omitempty"`
}

// WriteJSON writes the report for scripts. Its form is stable.
func (r Report) WriteJSON(w io.Writer) error {
	out := jsonReport{OK: r.OK(), URLs: []jsonURL{}}
	for _, u := range r.URLs {
		ju := jsonURL{URL: u.URL, OK: u.Count(Fail) == 0}
		for _, c := range u.Cases {
			ju.Cases = append(ju.Cases, jsonCase{c.Name, c.Result, c.Took.Seconds(), c.Detail, c.Got, c.Want})
		}
		out.URLs = append(out.URLs, ju)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}
