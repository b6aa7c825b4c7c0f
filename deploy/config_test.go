package deploy_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"fermata/internal/config"
)

const (
	inKubernetes = "kubernetes/base/config/fermata.yaml"
	inCompose    = "compose/config/fermata.yaml"
)

// secrets are what the two configurations take from the environment.
var secrets = []string{"REVERB_APP_ID", "REVERB_APP_KEY", "REVERB_APP_SECRET", "FERMATA_COOKIE_SECRET", "FERMATA_CLUSTER_SECRET", "FERMATA_ADMIN_TOKEN"}

func TestTheConfigurationsHaveNoMistakesAndNoDoubts(t *testing.T) {
	for _, file := range []string{inKubernetes, inCompose} {
		if c := checked(t, file); len(c.Warnings) > 0 {
			t.Errorf("%s: got the warnings %v, want none", file, c.Warnings)
		}
	}
}

// Who applies the example as it is gets a Fermata that says what is missing.
func TestAConfigurationWithAnEmptySecretIsRefused(t *testing.T) {
	for _, file := range []string{inKubernetes, inCompose} {
		text := read(t, file)
		for _, empty := range secrets {
			if !strings.Contains(text, "${"+empty+"}") {
				continue
			}
			setSecrets(t)
			t.Setenv(empty, "")
			if _, err := config.Check(file); err == nil {
				t.Errorf("%s: got no mistake with %s empty, want one", file, empty)
			}
		}
	}
}

// dnsCaches is how long the DNS servers of a cluster answer with an address that
// is gone: CoreDNS, and the cache on the machine, each for a record's 5 s.
const dnsCaches = 10 * time.Second

// ofReverb is how long Reverb takes to end, with ext-uv and without clients.
const ofReverb = 6 * time.Second

func TestAPodOfReverbStaysUntilItsClientsAreGone(t *testing.T) {
	c, pod := checked(t, inKubernetes), podOf(t, "reverb")
	node := c.Nodes[0]
	noticed := dnsCaches + 2*node.Every + node.Every/5 // looks are not quite regular
	if preStop := pod.preStop(); preStop < noticed+c.Drain.Deadline {
		t.Errorf("preStop: got %v, want at least %v until it is noticed and %v for the drain", preStop, noticed, c.Drain.Deadline)
	}
	if grace := pod.grace(); grace < pod.preStop()+ofReverb {
		t.Errorf("terminationGracePeriodSeconds: got %v, want the preStop of %v and %v more", grace, pod.preStop(), ofReverb)
	}
	if full := time.Duration(int(node.MaxConnections)/c.Drain.Rate) * time.Second; full > c.Drain.Deadline {
		t.Errorf("drain.rate: got %v for a full node, want at most drain.deadline, %v", full, c.Drain.Deadline)
	}
}

func TestANewPodOfReverbIsInUseBeforeAnOldOneEnds(t *testing.T) {
	c, d := checked(t, inKubernetes), deploymentOf(t, "reverb")
	used := dnsCaches + c.Nodes[0].Every + time.Duration(c.Health.Rise)*c.Health.Interval
	if ready := seconds(d.Spec.MinReadySeconds); ready < used {
		t.Errorf("minReadySeconds: got %v, want at least %v", ready, used)
	}
}

func TestAPodOfFermataHasTimeToStop(t *testing.T) {
	c, pod := checked(t, inKubernetes), podOf(t, "fermata")
	if want := pod.preStop() + c.StopTimeout + 5*time.Second; pod.grace() < want {
		t.Errorf("terminationGracePeriodSeconds: got %v, want at least %v", pod.grace(), want)
	}
}

func TestTheManifestsLeadToTheConfigurationsPorts(t *testing.T) {
	c := checked(t, inKubernetes)
	f := func(pod podSpec, port, address string) {
		t.Helper()
		for _, p := range pod.Containers[0].Ports {
			if p.Name == port && strings.HasSuffix(address, ":"+p.ContainerPort) {
				return
			}
		}
		t.Errorf("%s: got %v, want the port of %s", port, pod.Containers[0].Ports, address)
	}
	f(podOf(t, "fermata"), "http", c.Listen[0].Address)
	f(podOf(t, "fermata"), "admin", c.Admin.Address)
	f(podOf(t, "reverb"), "reverb", ":8080")
	if c.Nodes[0].Port != 8080 {
		t.Errorf("got the nodes' port %d, want 8080", c.Nodes[0].Port)
	}
}

func checked(t *testing.T, file string) *config.Config {
	t.Helper()
	setSecrets(t)
	c, err := config.Check(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func setSecrets(t *testing.T) {
	t.Helper()
	for _, name := range secrets {
		t.Setenv(name, "one-of-the-secrets-of-this-test")
	}
	t.Setenv("POD_NAMESPACE", "reverb")
}

// deployment is what these tests read of one.
type deployment struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		MinReadySeconds int `yaml:"minReadySeconds"`
		Template        struct{ Spec podSpec }
	}
}

type podSpec struct {
	Grace      int `yaml:"terminationGracePeriodSeconds"`
	Containers []struct {
		Lifecycle struct {
			PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
		}
		Ports []struct {
			Name          string
			ContainerPort string `yaml:"containerPort"`
		}
	}
}

func (p podSpec) grace() time.Duration { return seconds(p.Grace) }
func (p podSpec) preStop() time.Duration {
	return seconds(p.Containers[0].Lifecycle.PreStop.Sleep.Seconds)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func podOf(t *testing.T, name string) podSpec {
	t.Helper()
	return deploymentOf(t, name).Spec.Template.Spec
}

func deploymentOf(t *testing.T, name string) (d deployment) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "kubernetes/base/"+name+".yaml")))
	for d.Kind != "Deployment" || d.Metadata.Name != name {
		d = deployment{}
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("the Deployment %s: %v", name, err)
		}
	}
	return d
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
