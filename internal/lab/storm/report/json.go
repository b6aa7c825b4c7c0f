package report

import (
	"encoding/json"
	"io"
)

// JSON writes all of the report.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
