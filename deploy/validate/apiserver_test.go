package validate

import (
	"context"
	"slices"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	internal "k8s.io/kubernetes/pkg/apis/core"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	security "k8s.io/pod-security-admission/api"
	admission "k8s.io/pod-security-admission/policy"
)

const (
	example   = "../kubernetes/overlays/example"
	monitored = "testdata/monitored"
)

func TestTheAPIServerTakesTheManifests(t *testing.T) {
	for _, folder := range []string{example, monitored} {
		for _, text := range build(t, folder).texts {
			for _, problem := range problems(t, text) {
				t.Errorf("%s: %s in\n%s", folder, problem, text)
			}
		}
	}
}

// What an API server would refuse is refused here.
func TestTheAPIServersMistakesAreFound(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if len(problems(t, []byte(text))) == 0 {
			t.Errorf("got no problem, want one in\n%s", text)
		}
	}
	f("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {}\n")
	f("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {port: []}\n")
	f("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {externalTrafficPolicy: Near, type: LoadBalancer, ports: [{port: 1}]}\n")
	f("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: c}}\n    spec: {containers: [{name: a, image: a}]}\n")
	f("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers: [{name: a, image: a, lifecycle: {preStop: {sleep: {seconds: 31}}}}]\n")
}

// problems are what an API server says when an object is created.
func problems(t *testing.T, text []byte) (found []string) {
	t.Helper()
	object, _, err := strict.UniversalDecoder().Decode(text, nil, nil)
	if err != nil {
		return []string{err.Error()}
	}
	for _, err := range mistakes(t, object) {
		found = append(found, err.Error())
	}
	return found
}

func mistakes(t *testing.T, object runtime.Object) field.ErrorList {
	t.Helper()
	switch o := object.(type) {
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *internal.Service:
		allocate(o)
		return corevalidation.ValidateServiceCreate(o)
	case *internal.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *internal.Secret:
		return corevalidation.ValidateSecret(o)
	case *internal.Namespace:
		return corevalidation.ValidateNamespace(o)
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	}
	t.Fatalf("got a %T, want a kind that these tests look at", object)
	return nil
}

// allocate fills what the API server gives a Service before it looks at it.
func allocate(s *internal.Service) {
	if s.Spec.ClusterIP != "" {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	if s.Spec.Type == internal.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == internal.ServiceExternalTrafficPolicyLocal {
		s.Spec.HealthCheckNodePort = 30000
	}
}

func TestTheAPIServerHasNoWarningsAboutThePods(t *testing.T) {
	for _, text := range build(t, example).texts {
		object, _, err := strict.UniversalDecoder().Decode(text, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := object.(*apps.Deployment); ok {
			for _, warning := range pod.GetWarningsForPodTemplate(context.Background(), field.NewPath("template"), &d.Spec.Template, nil) {
				t.Errorf("%s: got the warning %s, want none", d.Name, warning)
			}
		}
	}
}

// The namespace of the example enforces it.
func TestAllPodsAreAllowedWherePodsAreRestricted(t *testing.T) {
	checks, err := admission.NewEvaluator(admission.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, d := range build(t, example).deployments {
		template := d.Spec.Template
		if got := admission.AggregateCheckResults(checks.EvaluatePod(level, &template.ObjectMeta, &template.Spec)); !got.Allowed {
			t.Errorf("%s: got %s, want it allowed", d.Name, got.ForbiddenDetail())
		}
	}
}

// Restricted pods may write to their root, and have a token of the API server.
func TestPodsGetNoMoreThanTheyNeed(t *testing.T) {
	for _, d := range build(t, example).deployments {
		spec := d.Spec.Template.Spec
		if token := spec.AutomountServiceAccountToken; token == nil || *token {
			t.Errorf("%s: got a token of the API server, want none", d.Name)
		}
		if links := spec.EnableServiceLinks; links == nil || *links { // REDIS_PORT=tcp://… and the like
			t.Errorf("%s: got variables for Services, want none", d.Name)
		}
		writes := []string{"reverb"} // which is somebody else's image
		if !slices.Contains(writes, d.Name) && !readOnly(spec.Containers) {
			t.Errorf("%s: got a root that it can write to, want it read-only", d.Name)
		}
	}
}

func readOnly(containers []core.Container) bool {
	return !slices.ContainsFunc(containers, func(c core.Container) bool {
		return c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem
	})
}
