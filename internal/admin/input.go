package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"fermata/internal/pusher"
)

const maxBody = 64 << 10 // bytes

// inputError is a request that we cannot make sense of; its text is for the
// one who sent it.
type inputError string

func (e inputError) Error() string { return string(e) }

func badInput(format string, args ...any) error { return inputError(fmt.Sprintf(format, args...)) }

// readBody fills into with the request's JSON body; an empty body changes
// nothing. A content type other than JSON is refused even for an empty body,
// since that is all that an HTML form could send.
func readBody(r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	given := r.Header.Get("Content-Type") != ""
	if given && (err != nil || kind != "application/json") {
		return badInput("Content-Type: got %q, want application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return badInput("reading the body: %v", err)
	case len(body) > maxBody:
		return badInput("body: got more than %d bytes, want fewer", maxBody)
	case len(body) == 0:
		return nil
	case !given:
		return badInput("Content-Type: got none, want application/json")
	}
	return decode(body, into)
}

// decode reads exactly one JSON value without unknown fields.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return jsonMistake(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return badInput("body: got more behind the JSON object, want nothing there")
	}
	return nil
}

func jsonMistake(err error) error {
	var wrongType *json.UnmarshalTypeError
	if !errors.As(err, &wrongType) {
		return badInput("body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	field := wrongType.Field
	if field == "" {
		field = "body"
	}
	return badInput("%s: got %s, want %s", field, wrongType.Value, wanted(wrongType.Type))
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "a JSON object"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64:
		return "a whole number, 0 or more"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return `text such as "30s"`
}

// check refuses values that no drain can have, before anything is done.
func (r DrainRequest) check() error {
	if r.Rate != nil && *r.Rate < 0 {
		return badInput("rate: got %d, want 0 (all at once) or more", *r.Rate)
	}
	if r.Grace != nil && *r.Grace < 0 {
		return badInput("grace: got %s, want 0s or more", *r.Grace)
	}
	if r.Deadline != nil && *r.Deadline <= 0 {
		return badInput("deadline: got %s, want more than 0s", *r.Deadline)
	}
	if r.Grace != nil && r.Deadline != nil && *r.Grace > *r.Deadline {
		return badInput("grace: got %s, want at most the deadline of %s", *r.Grace, *r.Deadline)
	}
	if r.CloseCode == nil {
		return nil
	}
	if err := pusher.CheckCloseCode(*r.CloseCode); err != nil {
		return badInput("close_code: %v", err)
	}
	return nil
}

// check refuses values that no rebalance can have.
func (r RebalanceRequest) check() error {
	if r.Skew != nil && (*r.Skew < 0 || *r.Skew > 10) {
		return badInput("skew: got %v, want 0 to 10; a tenth is 0.1", *r.Skew)
	}
	if r.Rate != nil && *r.Rate < 0 {
		return badInput("rate: got %d, want 0 (all at once) or more", *r.Rate)
	}
	return nil
}

// check refuses a roll that would drain a node twice, or none.
func (r Roll) check() error {
	if len(r.Nodes) == 0 {
		return badInput("nodes: got none, want at least one")
	}
	for i, name := range r.Nodes {
		if slices.Contains(r.Nodes[:i], name) {
			return badInput("nodes: got %q twice, want it once", name)
		}
	}
	if len(r.Runner) > maxRunner {
		return badInput("runner: got %d bytes, want at most %d", len(r.Runner), maxRunner)
	}
	return nil
}

const maxRunner = 255 // bytes

// localOf reads ?local=, whether only this member of a cluster is meant.
func localOf(r *http.Request) (bool, error) {
	values := r.URL.Query()["local"]
	switch {
	case len(values) == 0:
		return false, nil
	case len(values) > 1:
		return false, badInput("local: got it %d times, want it once", len(values))
	}
	switch values[0] {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, badInput("local: got %q, want 1 or 0", values[0])
}
