package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"fermata/internal/app/apptest"
)

// described are the schemas of docs/openapi.yaml, by the path of what they are of.
type described struct {
	t        *testing.T
	compiler *jsonschema.Compiler
	document map[string]any
}

func describe(t *testing.T) described {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(readDoc(t, "openapi.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	resource, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	d := described{t, jsonschema.NewCompiler(), document}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", resource); err != nil {
		t.Fatal(err)
	}
	return d
}

// fits wants a JSON text to be as the schema of that name says.
func (d described) fits(schema string, text []byte) {
	d.t.Helper()
	compiled, err := d.compiler.Compile("openapi.json#/components/schemas/" + schema)
	if err != nil {
		d.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err == nil {
		err = compiled.Validate(value)
	}
	if err != nil {
		d.t.Errorf("%s: got %v in\n%s", schema, err, text)
	}
}

// asks sends a request to the admin endpoint.
func asks(s *apptest.Stack, method, path, body string) *http.Response {
	s.T.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(s.Admin, "unix:"))
	}}
	ctx, cancel := context.WithTimeout(s.T.Context(), apptest.Timeout)
	s.T.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestTheAnswersOfARunningFermataAreAsTheOpenAPIDescriptionSays(t *testing.T) {
	t.Parallel()
	s, api := exhibit(t), describe(t)
	check := func(status int, schema, method, path, body string) {
		t.Helper()
		answer := asks(s, method, path, body)
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status {
			t.Errorf("%s %s: got %s, %v, want %d", method, path, answer.Status, err, status)
		}
		api.fits(schema, text)
	}
	check(200, "NodeList", "GET", "/v1/nodes", "")
	check(200, "Node", "GET", "/v1/nodes/reverb-2", "")
	check(200, "Node", "POST", "/v1/nodes/reverb-1/drain", `{"dry_run": true, "force": true}`)
	check(200, "Node", "POST", "/v1/nodes/reverb-2/undrain", `{}`)
	check(200, "Explanation", "GET", "/v1/explain?ip=192.0.2.1", "")
	check(200, "Rebalance", "POST", "/v1/rebalance", `{"dry_run": true}`)
	check(200, "Roll", "PUT", "/v1/roll", `{"nodes": ["reverb-1"], "runner": "test"}`)
	check(200, "Roll", "GET", "/v1/roll", "")
	check(409, "Error", "PUT", "/v1/roll", `{"nodes": ["reverb-1"], "runner": "other"}`)
	check(200, "Roll", "DELETE", "/v1/roll", "")
	check(200, "Reloaded", "POST", "/v1/reload", "")
	check(400, "Error", "GET", "/v1/explain", "")
	check(400, "Error", "POST", "/v1/nodes/reverb-1/drain", `{"rate": -1}`)
	check(404, "Error", "GET", "/v1/nodes/nobody", "")
	check(404, "Error", "GET", "/v1/nothing", "")
	check(405, "Error", "PATCH", "/v1/roll", "")
	s.Configure("nonsense: 1\n")
	check(422, "Error", "POST", "/v1/reload", "")
	check(200, "History", "GET", "/v1/history", "")
	streams(api, s)
}

// streams reads the beginning of /v1/live, until it has had all kinds of events.
func streams(d described, s *apptest.Stack) {
	d.t.Helper()
	lines, kind := bufio.NewScanner(asks(s, "GET", "/v1/live", "").Body), ""
	for seen := map[string]bool{}; len(seen) < 3; {
		if !lines.Scan() {
			d.t.Fatalf("got %v after %v, want samples, nodes and events", lines.Err(), seen)
		}
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kind = name
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			d.fits(map[string]string{"sample": "Sample", "nodes": "Look", "": "Event"}[kind], []byte(data))
			seen[kind], kind = true, ""
		}
	}
}

func TestTheOpenAPIDescriptionRefersToNothingThatIsNotThere(t *testing.T) {
	d := describe(t)
	var follow func(any)
	follow = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, ok := value["$ref"].(string); ok && !there(d.document, ref) {
				t.Errorf("got no %s", ref)
			}
			for _, below := range value {
				follow(below)
			}
		case []any:
			for _, below := range value {
				follow(below)
			}
		}
	}
	follow(d.document)
}

// there is whether a reference such as #/components/schemas/Node leads to something.
func there(document map[string]any, ref string) bool {
	var at any = document
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		below, _ := at.(map[string]any)
		if at = below[name]; at == nil {
			return false
		}
	}
	return true
}
