package validate

import (
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// strict decodes what the API server knows, and refuses fields that it does not.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

// objects are what a kustomization makes.
type objects struct {
	texts       [][]byte // of those that the API server knows
	deployments []*apps.Deployment
	services    []*core.Service
	configs     []*core.ConfigMap
	secrets     []*core.Secret
	budgets     []*policy.PodDisruptionBudget
	policies    []*networking.NetworkPolicy
	namespaces  []*core.Namespace
	monitors    []*monitoring.ServiceMonitor
	rules       []*monitoring.PrometheusRule
}

// build has kustomize make the objects of a folder, and reads them strictly.
func build(t *testing.T, folder string) *objects {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	all := new(objects)
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all.add(t, r.GetKind(), text)
	}
	return all
}

func (o *objects) add(t *testing.T, kind string, text []byte) {
	t.Helper()
	switch kind {
	case "ServiceMonitor":
		o.monitors = append(o.monitors, decode[monitoring.ServiceMonitor](t, text))
	case "PrometheusRule":
		o.rules = append(o.rules, decode[monitoring.PrometheusRule](t, text))
	default:
		object, _, err := strict.UniversalDeserializer().Decode(text, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		o.texts = append(o.texts, text)
		o.keep(t, object)
	}
}

func (o *objects) keep(t *testing.T, object runtime.Object) {
	t.Helper()
	switch object := object.(type) {
	case *apps.Deployment:
		o.deployments = append(o.deployments, object)
	case *core.Service:
		o.services = append(o.services, object)
	case *core.ConfigMap:
		o.configs = append(o.configs, object)
	case *core.Secret:
		o.secrets = append(o.secrets, object)
	case *policy.PodDisruptionBudget:
		o.budgets = append(o.budgets, object)
	case *networking.NetworkPolicy:
		o.policies = append(o.policies, object)
	case *core.Namespace:
		o.namespaces = append(o.namespaces, object)
	default:
		t.Fatalf("got a %T, want a kind that these tests look at", object)
	}
}

// decode reads a kind of the Prometheus operator.
func decode[T any](t *testing.T, text []byte) *T {
	t.Helper()
	into := new(T)
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return into
}
