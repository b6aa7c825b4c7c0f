package firstconfig_test

import (
	"slices"
	"strings"
	"testing"

	"fermata/internal/config"
	"fermata/internal/firstconfig"
)

func TestWhatIsWrittenIsWhatTheApplicationSays(t *testing.T) {
	const secret = `s3cr"et ${x} \ #`
	env := map[string]string{
		"REVERB_APP_ID": "42", "REVERB_APP_KEY": "key", "REVERB_APP_SECRET": secret, "REVERB_SERVER_HOST": "0.0.0.0", "REVERB_SERVER_PORT": "6001",
		"REVERB_SERVER_PATH": "ws/", "REVERB_HOST": "ws.example.com", "REVERB_PORT": "8090", "REVERB_SCHEME": "http",
	}
	a := firstconfig.FromEnv(env)
	if notes := firstconfig.Missing(env); len(notes) > 0 {
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
	a := firstconfig.FromEnv(map[string]string{"REVERB_PORT": "8080", "REVERB_SCHEME": "http"})
	if a.Listen != "" {
		t.Errorf("got %q, want another port than the node's", a.Listen)
	}
}

func TestADomainMakesAListenerWithACertificateAndOneWhereTheCAAsks(t *testing.T) {
	a := firstconfig.Answers{Listen: "10.0.0.5:443", Domains: []string{"ws.example.com", "b.example.com"}, Email: "ops@example.com", Nodes: []string{"http://10.0.1.10:8080"}}
	text, err := a.Text("fermata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("fermata.yaml", text)
	if err != nil || len(c.Warnings) > 0 || len(c.Listen) != 2 {
		t.Fatalf("got %v, %v and\n%s", err, c.Warnings, text)
	}
	secure, plain := c.Listen[0], c.Listen[1]
	if secure.Address != "10.0.0.5:443" || secure.TLS == nil || !slices.Equal(secure.TLS.ACME.Domains, a.Domains) || secure.TLS.ACME.Email != a.Email {
		t.Errorf("got %+v and\n%s", secure, text)
	}
	if plain.Address != "10.0.0.5:80" || plain.TLS != nil || c.StateDir == "" {
		t.Errorf("got %+v, state_dir %q and\n%s", plain, c.StateDir, text)
	}
}

func TestTheDomainIsTheNameOfTheApplicationIfACAKnowsIt(t *testing.T) {
	check := func(host, scheme, want string) {
		t.Helper()
		if got := firstconfig.DomainOf(map[string]string{"REVERB_HOST": host, "REVERB_SCHEME": scheme}); got != want {
			t.Errorf("%s, %s: got %q, want %q", host, scheme, got, want)
		}
	}
	check("ws.example.com", "https", "ws.example.com")
	check("WS.Example.com", "", "ws.example.com")
	check("ws.example.com", "http", "")
	for _, none := range []string{"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "reverb", "app.local", "*.example.com", "https://ws.example.com", "ws.example.com:443"} {
		check(none, "https", "")
	}
}

func TestClientsOfWSSFindTheirPort(t *testing.T) {
	check := func(port, scheme, want string) {
		t.Helper()
		if got := firstconfig.SecureListen(map[string]string{"REVERB_PORT": port, "REVERB_SCHEME": scheme}); got != want {
			t.Errorf("%s, %s: got %q, want %q", port, scheme, got, want)
		}
	}
	check("8443", "https", ":8443")
	check("8080", "https", ":443") // the node's
	check("8090", "http", ":443")
	check("", "https", ":443")
}

func TestWithoutTheSecretItIsSaidWhatIsMissing(t *testing.T) {
	env := map[string]string{"REVERB_APP_ID": "42", "REVERB_APP_KEY": "key"}
	a, notes := firstconfig.FromEnv(env), firstconfig.Missing(env)
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
