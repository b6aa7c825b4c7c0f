package validate

import (
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestServicesLeadToPortsThatPodsHave(t *testing.T) {
	o := build(t, example)
	for _, s := range o.services {
		d := o.selected(t, s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		for _, p := range s.Spec.Ports {
			if !hasPort(d, p.TargetPort) {
				t.Errorf("Service %s: got the port %v, want one of %s", s.Name, p.TargetPort.String(), d.Name)
			}
		}
	}
}

func TestBudgetsAndPoliciesAreAboutPodsThatThereAre(t *testing.T) {
	o := build(t, example)
	for _, b := range o.budgets {
		o.selected(t, b.Name, b.Spec.Selector)
	}
	for _, p := range o.policies {
		d := o.selected(t, p.Name, &p.Spec.PodSelector)
		for _, rule := range p.Spec.Ingress {
			o.admits(t, p.Name, d, rule)
		}
	}
	for _, d := range o.deployments {
		for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
			if got := o.selected(t, d.Name, spread.LabelSelector); got != d {
				t.Errorf("%s: got the pods of %s to be spread, want its own", d.Name, got.Name)
			}
		}
	}
}

func (o *objects) admits(t *testing.T, policy string, d *apps.Deployment, rule networking.NetworkPolicyIngressRule) {
	t.Helper()
	for _, p := range rule.Ports {
		if p.Port == nil || !hasPort(d, *p.Port) {
			t.Errorf("NetworkPolicy %s: got the port %v, want one of %s", policy, p.Port, d.Name)
		}
	}
	for _, peer := range rule.From {
		if len(o.matching(t, peer.PodSelector)) == 0 {
			t.Errorf("NetworkPolicy %s: got %v, want pods that there are", policy, peer.PodSelector)
		}
	}
}

func TestWhatPodsReadIsThere(t *testing.T) {
	o := build(t, example)
	for _, d := range o.deployments {
		spec := d.Spec.Template.Spec
		for _, c := range spec.Containers {
			o.hasVariables(t, d.Name, c)
		}
		for _, v := range spec.Volumes {
			if v.ConfigMap != nil && !slices.ContainsFunc(o.configs, func(c *core.ConfigMap) bool { return c.Name == v.ConfigMap.Name }) {
				t.Errorf("%s: got the ConfigMap %s, want one that there is", d.Name, v.ConfigMap.Name)
			}
		}
	}
}

func (o *objects) hasVariables(t *testing.T, pod string, c core.Container) {
	t.Helper()
	for _, from := range c.EnvFrom {
		if from.SecretRef != nil && o.secret(from.SecretRef.Name) == nil {
			t.Errorf("%s: got the Secret %s, want one that there is", pod, from.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			o.hasKey(t, pod, *e.ValueFrom.SecretKeyRef)
		}
	}
}

func (o *objects) hasKey(t *testing.T, who string, ref core.SecretKeySelector) {
	t.Helper()
	s := o.secret(ref.Name)
	if s == nil {
		t.Errorf("%s: got the Secret %s, want one that there is", who, ref.Name)
	} else if _, there := s.Data[ref.Key]; !there {
		t.Errorf("%s: got the key %s of Secret %s, want one that it has", who, ref.Key, ref.Name)
	}
}

func TestPrometheusFindsTheAdminPort(t *testing.T) {
	o := build(t, monitored)
	if len(o.monitors) != 1 {
		t.Fatalf("got %d ServiceMonitors, want 1", len(o.monitors))
	}
	m := o.monitors[0]
	selector := labels.SelectorFromSet(m.Spec.Selector.MatchLabels)
	found := slices.DeleteFunc(slices.Clone(o.services), func(s *core.Service) bool { return !selector.Matches(labels.Set(s.Labels)) })
	if len(found) != 1 || found[0].Labels[m.Spec.JobLabel] != "fermata" {
		t.Fatalf("got the Services %v, want one with the job fermata", found)
	}
	for _, e := range m.Spec.Endpoints {
		if !slices.ContainsFunc(found[0].Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
			t.Errorf("got the port %s, want one of the Service %s", e.Port, found[0].Name)
		}
		o.hasKey(t, m.Name, *e.Authorization.Credentials)
	}
}

// selected is the one Deployment whose pods match.
func (o *objects) selected(t *testing.T, who string, s *meta.LabelSelector) *apps.Deployment {
	t.Helper()
	found := o.matching(t, s)
	if len(found) != 1 {
		t.Fatalf("%s: got %d Deployments that it selects, want 1", who, len(found))
	}
	return found[0]
}

func (o *objects) matching(t *testing.T, s *meta.LabelSelector) (found []*apps.Deployment) {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range o.deployments {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			found = append(found, d)
		}
	}
	return found
}

func (o *objects) secret(name string) *core.Secret {
	for _, s := range o.secrets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func hasPort(d *apps.Deployment, port intstr.IntOrString) bool {
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		if p.Name == port.StrVal || p.ContainerPort == port.IntVal {
			return true
		}
	}
	return false
}
