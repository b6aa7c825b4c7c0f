package app

import (
	"encoding/json"
	"testing"

	"fermata/internal/cluster"
	"fermata/internal/handover"
)

func TestASuccessorBeginsWithWhatItsPredecessorKnows(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	remembered := remembered{roll: []string{"a"}}
	if _, decided := a.inherited(remembered); len(decided.Roll.Nodes) != 1 {
		t.Errorf("got %+v without a predecessor, want what was remembered", decided)
	}
	found := json.RawMessage(`{
		"reverb": {"Source": "dns reverb.internal", "Nodes": [{"Name": "reverb-1", "URL": "http://10.0.0.1:8080"}]},
		"wrong": {"Source": "dns wrong.internal", "Nodes": [{"Name": "wrong-1"}]}
	}`)
	a.succession.from = &inheritance{welcome: handover.Welcome{Found: found, State: cluster.State{Version: 7}}}
	defer func() { a.succession.from = nil }()
	got, decided := a.inherited(remembered)
	if decided.Version != 7 || len(decided.Roll.Nodes) != 0 {
		t.Errorf("got %+v, want what the predecessor has decided, and nothing older", decided)
	}
	if nodes := got.found["reverb"].Nodes; len(got.found) != 1 || len(nodes) != 1 || nodes[0].Name != "reverb-1" {
		t.Errorf("got %+v, want the node that was found, and none without a URL", got.found)
	}
}
