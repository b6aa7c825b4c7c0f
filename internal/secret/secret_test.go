package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"gopkg.in/yaml.v3"
)

const (
	value  = Text("correct horse battery staple")
	hidden = "[hidden]"
)

// shows fails when any of the secret can be read in what was printed.
func shows(t *testing.T, how, printed string) {
	t.Helper()
	hex := fmt.Sprintf("%x", string(value))
	for _, form := range []string{string(value), hex, strings.ToUpper(hex)} {
		if strings.Contains(printed, form) {
			t.Errorf("%s: got %s, want it hidden", how, printed)
		}
	}
}

func TestASecretIsHiddenHoweverItIsPrinted(t *testing.T) {
	holder := struct {
		Token   Text
		Secrets []Text
		Key     *Text
	}{value, []Text{value}, new(value)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%T %[1]v", "%10.40s"} {
		shows(t, verb, fmt.Sprintf(verb, value))
		shows(t, verb+" in a struct", fmt.Sprintf(verb, holder))
		shows(t, verb+" as a key", fmt.Sprintf(verb, map[Text]int{value: 1}))
	}
	shows(t, "an error", fmt.Errorf("token %v", value).Error())
	shows(t, "panic", fmt.Sprint(any(value)))
	if got := fmt.Sprintf("%v %s %#v", value, value, value); got != "[hidden] [hidden] [hidden]" {
		t.Errorf("got %s, want [hidden]", got)
	}
}

func TestASecretIsHiddenWhenMarshalled(t *testing.T) {
	holder := map[string]any{"token": value, "secrets": []Text{value}}
	asJSON, err := json.Marshal(holder)
	if err != nil || !strings.Contains(string(asJSON), hidden) {
		t.Errorf("JSON: got %s and %v, want %s", asJSON, err, hidden)
	}
	shows(t, "JSON", string(asJSON))
	asYAML, err := yaml.Marshal(holder)
	if err != nil || !strings.Contains(string(asYAML), hidden) {
		t.Errorf("YAML: got %s and %v, want %s", asYAML, err, hidden)
	}
	shows(t, "YAML", string(asYAML))
}

func TestASecretIsHiddenInLogs(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	zap.New(core).Sugar().Infow("started", "token", value)
	zap.New(core).Info("started", zap.Any("token", value), zap.Any("tokens", []Text{value}), zap.Stringer("secret", value))
	for _, entry := range logs.All() {
		text, err := json.Marshal(entry.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		shows(t, "zap", string(text))
	}
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("started", "token", value)
	slog.New(slog.NewTextHandler(&out, nil)).Info("started", "token", value)
	shows(t, "slog", out.String())
}

func TestOnlyRevealTellsTheSecret(t *testing.T) {
	if got := value.Reveal(); got != "correct horse battery staple" {
		t.Errorf("got %q, want the secret", got)
	}
}

func TestASecretIsReadFromYAML(t *testing.T) {
	var got struct{ Token Text }
	if err := yaml.Unmarshal([]byte("token: abc"), &got); err != nil || got.Token.Reveal() != "abc" {
		t.Errorf("got %q and %v, want abc", got.Token.Reveal(), err)
	}
}

func TestEqualComparesWithWhatWasGiven(t *testing.T) {
	equal := func(given string, want bool) {
		t.Helper()
		if got := value.Equal(given); got != want {
			t.Errorf("%q: got %v, want %v", given, got, want)
		}
	}
	equal("correct horse battery staple", true)
	equal("correct horse battery stapler", false)
	equal("correct horse battery stapl3", false)
	equal(hidden, false)
	equal("", false)
}

func TestNoSecretPrintsAsNothing(t *testing.T) {
	if got := fmt.Sprintf("%v%s%#v", Text(""), Text(""), Text("")); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
