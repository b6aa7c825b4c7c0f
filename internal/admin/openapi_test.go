package admin

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"fermata/internal/admin/endpoint"
)

// openAPI is what the tests read of docs/openapi.yaml.
type openAPI struct {
	Paths      map[string]map[string]any
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

func readOpenAPI(t *testing.T) (api openAPI) {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &api)
	}
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestTheOpenAPIDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	var want, got []string
	for _, r := range New(endpoint.Options{}, nil, http.NotFoundHandler()).routes(http.NotFoundHandler()) {
		path := strings.NewReplacer("{$}", "", "/web/", "/web/{file}").Replace(r.path)
		want = append(want, r.method+" "+path)
	}
	for path, operations := range readOpenAPI(t).Paths {
		for method := range operations {
			if method != "parameters" {
				got = append(got, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheOpenAPISchemasHaveEveryField(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	for name, of := range map[string]reflect.Type{
		"Candidate": reflect.TypeFor[Candidate](), "Certificate": reflect.TypeFor[Certificate](), "Cluster": reflect.TypeFor[Cluster](), "Drain": reflect.TypeFor[Drain](),
		"DrainRequest": reflect.TypeFor[DrainRequest](), "Event": reflect.TypeFor[Event](), "Explanation": reflect.TypeFor[Explanation](),
		"History": reflect.TypeFor[History](), "Load": reflect.TypeFor[Load](), "Look": reflect.TypeFor[Look](), "Member": reflect.TypeFor[Member](),
		"MemberNode": reflect.TypeFor[MemberNode](), "Node": reflect.TypeFor[Node](), "NodeList": reflect.TypeFor[NodeList](),
		"Outcome": reflect.TypeFor[Outcome](), "Rebalance": reflect.TypeFor[Rebalance](), "RebalanceRequest": reflect.TypeFor[RebalanceRequest](),
		"Reloaded": reflect.TypeFor[Reloaded](), "Roll": reflect.TypeFor[Roll](), "RollRequest": reflect.TypeFor[Roll](), "Sample": reflect.TypeFor[Sample](),
		"UndrainRequest": reflect.TypeFor[UndrainRequest](),
	} {
		got, want := slices.Sorted(maps.Keys(schemas[name].Properties)), jsonFields(of)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// jsonFields are the names of a struct's fields in JSON.
func jsonFields(of reflect.Type) (names []string) {
	for _, field := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func TestTheOpenAPIDescriptionHasTheRefusalOfEveryChange(t *testing.T) {
	api := readOpenAPI(t)
	s := New(endpoint.Options{Token: "secret", ReadToken: "look"}, nil, http.NotFoundHandler())
	for _, route := range s.routes(http.NotFoundHandler()) {
		if route.method == "GET" {
			continue
		}
		r := httptest.NewRequest(route.method, strings.ReplaceAll(route.path, "{name}", "a"), nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer look")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		operation, _ := api.Paths[route.path][strings.ToLower(route.method)].(map[string]any)
		answers, _ := operation["responses"].(map[string]any)
		if answers["403"] == nil || w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"read_only"`) {
			t.Errorf("%s %s: got %d %s, described as %v, want 403 and read_only", route.method, route.path, w.Code, w.Body, answers["403"])
		}
	}
}

func TestTheOpenAPIDescriptionHasEveryErrorCode(t *testing.T) {
	var got []string
	for _, err := range []error{
		inputError(""), errToken, errReadOnly, errForbidden, ErrUnknownNode, errNoPath, errMethod, ErrRefused, ErrRollLost, ErrAway, ErrNotUpgraded,
		configError{errMethod}, errors.New("any other"),
	} {
		_, code := classify(err)
		got = append(got, code)
	}
	schema, _ := readOpenAPI(t).Components.Schemas["Error"].Properties["error"].(map[string]any)
	var want []string
	for _, code := range schema["properties"].(map[string]any)["code"].(map[string]any)["enum"].([]any) {
		want = append(want, code.(string))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, described are %q", got, want)
	}
}
