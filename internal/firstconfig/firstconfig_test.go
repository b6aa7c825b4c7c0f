package firstconfig_test

import (
	"strings"
	"testing"

	"fermata/internal/config"
	"fermata/internal/firstconfig"
)

func TestWhatIsWrittenIsWhatTheApplicationSays(t *testing.T) {
	const secret = `s3cr"et ${x} \ #`
	a, notes := firstconfig.FromEnv(map[string]string{
		"REVERB_APP_ID": "42", "REVERB_APP_KEY": "key", "REVERB_APP_SECRET": secret, "REVERB_SERVER_HOST": "0.0.0.0", "REVERB_SERVER_PORT": "6001",
		"REVERB_SERVER_PATH": "ws/", "REVERB_HOST": "ws.example.com", "REVERB_PORT": "8090", "REVERB_SCHEME": "http",
	})
	if len(notes) > 0 {
		t.Errorf("got %q, want nothing to say", notes)
	}
	text, err := a.Text("fermata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("fermata.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	app := c.Apps[0]
	if c.Listen[0].Address != ":8090" || c.Nodes[0].URL.String() != "http://127.0.0.1:6001" || c.PathPrefix != "/ws" ||
		app.ID != "42" || app.Key != "key" || string(app.Secret) != secret {
		t.Errorf("got\n%s", text)
	}
}

func TestAnApplicationThatListensOnItsPublicPortKeepsIt(t *testing.T) {
	a, _ := firstconfig.FromEnv(map[string]string{"REVERB_PORT": "8080", "REVERB_SCHEME": "http"})
	if a.Listen != "" {
		t.Errorf("got %q, want another port than the node's", a.Listen)
	}
}

func TestWithoutTheSecretItIsSaidWhatIsMissing(t *testing.T) {
	a, notes := firstconfig.FromEnv(map[string]string{"REVERB_APP_ID": "42", "REVERB_APP_KEY": "key"})
	a.Listen = ":80"
	text, err := a.Text("fermata.yaml")
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "REVERB_APP_SECRET") || strings.Contains(string(text), "apps:") {
		t.Errorf("got %v, %q and\n%s", err, notes, text)
	}
}

func TestAWrongAnswerIsTheConfigurationsMistake(t *testing.T) {
	_, err := firstconfig.Answers{Listen: "80", Nodes: []string{"ftp://x"}}.Text("fermata.yaml")
	for _, part := range []string{"listen[0].address", "nodes[0].url"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want a mistake in %s", err, part)
		}
	}
}
