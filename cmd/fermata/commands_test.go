package main

import (
	"errors"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestUndrainIsIdempotent(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	fermata(t.Context(), "drain", "reverb-1").has(t, 0, "draining", "")
	for range 2 {
		fermata(t.Context(), "undrain", "reverb-1").want(t, 0, "reverb-1 is ready, health up\n", "")
	}
	fermata(t.Context(), "undrain", "reverb-1", "--json").has(t, 0, `"state": "ready"`, "")
}

func TestWhatIsNotSavedIsSaidOnStandardErrorAndIsDone(t *testing.T) {
	control := threeNodes()
	control.Warning = "done, but not saved: no space"
	running(t, control, "")
	fermata(t.Context(), "drain", "reverb-1").has(t, 0, "draining", "fermata: warning: reverb-1: done, but not saved: no space\n")
	fermata(t.Context(), "undrain", "reverb-1").want(t, 0, "reverb-1 is ready, health up\n", "fermata: warning: reverb-1: done, but not saved: no space\n")
	fermata(t.Context(), "undrain", "reverb-1", "--json").has(t, 0, `"warning": "done, but not saved: no space"`, "fermata: warning: reverb-1: ")
	fermata(t.Context(), "roll", "--cancel").want(t, 0, "", "fermata: warning: roll: done, but not saved: no space\n")
}

func TestExplainSaysWhichNodeAndWhy(t *testing.T) {
	running(t, threeNodes(), "")
	fermata(t.Context(), "explain", "--ip", "10.1.2.3", "--cookie", "x=y&z").
		want(t, 0, "reverb-1: ip 10.1.2.3, cookie \"x=y&z\"\n", "")
	fermata(t.Context(), "explain", "--ip", "10.1.2.3", "--json").
		want(t, 0, "{\n  \"node\": \"reverb-1\",\n  \"reason\": \"ip 10.1.2.3, cookie \\\"\\\"\"\n}\n", "")
	running(t, admintest.New(), "")
	fermata(t.Context(), "explain", "--ip", "::1").want(t, 0, "no node: no usable node\n", "")
}

func TestReloadPrintsEveryMistakeAndWarning(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	fermata(t.Context(), "reload").want(t, 0, "reloaded\n", "")
	control.Reloaded.Warnings = []string{"f.yaml:4: nodes[0].weight: got 9, want less"}
	fermata(t.Context(), "reload").want(t, 0, "reloaded\n", "f.yaml:4: nodes[0].weight: got 9, want less (a warning)\n")
	control.ReloadError = errors.New("f.yaml:3: nodes: got none, want at least one\nf.yaml:9: drain.rate: got -1, want 0 or more")
	fermata(t.Context(), "reload").want(t, 2, "",
		"fermata: not reloaded, nothing has changed:\n"+control.ReloadError.Error()+"\n")
}

func TestExitCodesFollowTheContract(t *testing.T) {
	check := func(err error, want int) {
		t.Helper()
		if got := exitCode(err); got != want {
			t.Errorf("%v: got exit %d, want %d", err, got, want)
		}
	}
	check(nil, 0)
	check(errors.New("broken"), 1)
	check(&admin.APIError{Status: 500}, 1)
	check(&admin.APIError{Status: 400}, 2)
	check(&admin.APIError{Status: 409}, 4)
	check(admin.ErrUnreachable, 5)
	check(&exitError{3, admin.ErrUnreachable}, 3)
}
