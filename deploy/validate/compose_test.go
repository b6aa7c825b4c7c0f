package validate

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load has Compose's own code read the file, by its schema and with the example's
// variables, of which the empty ones are filled in.
func load(t *testing.T, variables ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithEnv(variables), cli.WithEnvFiles("../compose/example.env"), cli.WithDotEnv)
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

var filled = []string{
	"REVERB_IMAGE=laravel", "APP_KEY=k", "REVERB_APP_ID=1", "REVERB_APP_KEY=k", "REVERB_APP_SECRET=s",
	"FERMATA_COOKIE_SECRET=c", "FERMATA_CLUSTER_SECRET=c",
}

func TestComposeTakesTheFile(t *testing.T) {
	p, err := load(t, filled...)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ServiceNames(); !slices.Equal(got, []string{"fermata", "redis", "reverb"}) {
		t.Errorf("got the services %v, want fermata, redis and reverb", got)
	}
	// Services of which there can be several: no name and no port of their own.
	for _, name := range []string{"fermata", "reverb"} {
		if s := p.Services[name]; s.ContainerName != "" || name == "reverb" && len(s.Ports) > 0 {
			t.Errorf("%s: got the name %q and the ports %v, want none", name, s.ContainerName, s.Ports)
		}
	}
}

func TestComposeTakesARangeOfPortsForTwoFermatas(t *testing.T) {
	p, err := load(t, append(filled, "FERMATA_PORTS=8001-8002")...)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Services["fermata"].Ports; len(got) != 1 || got[0].Published != "8001-8002" || got[0].Target != 8080 {
		t.Errorf("got %v, want 8001-8002 for 8080", got)
	}
}

func TestComposeSaysWhichVariableIsMissing(t *testing.T) {
	for i := range filled {
		if _, err := load(t, slices.Delete(slices.Clone(filled), i, i+1)...); err == nil {
			t.Errorf("got no mistake without %s, want one", filled[i])
		}
	}
}
