package screen

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/admin/endpoint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is one in front of a screen without a terminal.
type person struct {
	*model
	t       *testing.T
	control *admintest.Control
	client  *admin.Client
}

// newPerson looks at a Fermata with these nodes.
func newPerson(t *testing.T, nodes ...admin.Node) *person {
	t.Helper()
	control := admintest.New(nodes...)
	web := httptest.NewServer(admin.New(endpoint.Options{Address: "127.0.0.1:0"}, control, http.NotFoundHandler()))
	t.Cleanup(web.Close)
	client, err := admin.NewClient(web.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	p := &person{model: &model{}, t: t, control: control, client: client}
	p.look()
	return p
}

func (p *person) look() { p.looked(admin.Look{Time: noon, NodeList: p.control.Nodes(false)}) }

// presses presses the keys, each when what the one before has begun is done.
func (p *person) presses(keys string) {
	for _, k := range keys {
		if work := p.press(key(k)); work != nil {
			work(p.t.Context(), p.client)(p.model)
		}
		p.look()
	}
}

func (p *person) wantState(node, want string) {
	p.t.Helper()
	nodes := p.control.Nodes(false).Nodes
	if i := slices.IndexFunc(nodes, func(n admin.Node) bool { return n.Name == node }); nodes[i].State != want {
		p.t.Errorf("%s: got %s, want %s", node, nodes[i].State, want)
	}
}

func twoNodes() []admin.Node {
	return []admin.Node{{Name: "reverb-1", Connections: 30}, {Name: "reverb-2", Connections: 20, MaxConnections: 40}}
}

func TestDrainIsAskedForWithItsForecast(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	p.presses("d")
	wantText(t, p.model, "Drain reverb-1 of 30 clients?", "reverb-2       20       50       40  too many", "y drain")
	p.wantState("reverb-1", admin.StateReady)
	p.presses("y")
	p.wantState("reverb-1", admin.StateDraining)
	wantText(t, p.model, "reverb-1 is draining\n", "0%  30 of 30 left")
}

func TestAnythingButYesLeavesTheNodeAlone(t *testing.T) {
	for _, k := range []key{'n', 'q', keyEscape} {
		p := newPerson(t, twoNodes()...)
		p.presses("d\rxjf")
		p.press(k)
		p.wantState("reverb-1", admin.StateReady)
		wantText(t, p.model, "reverb-1 was left alone")
		if p.done {
			t.Errorf("key %d: got the end of the screen, want that of the question", k)
		}
	}
}

func TestYesAheadOfTheForecastIsNoYes(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	rehearse := p.press('d')
	wantText(t, p.model, "Asking what a drain of reverb-1 would do …")
	p.presses("y")
	rehearse(t.Context(), p.client)(p.model)
	wantText(t, p.model, "Drain reverb-1 of 30 clients?")
	p.wantState("reverb-1", admin.StateReady)
}

func TestAForecastThatNobodyWaitsForIsNotShown(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	rehearse := p.press('d')
	p.presses("n")
	rehearse(t.Context(), p.client)(p.model)
	if p.question != nil {
		t.Errorf("got the question %+v, want none", *p.question)
	}
}

func TestARefusedDrainSaysWhyAndIsForcedOnlyWhenAskedForAndConfirmed(t *testing.T) {
	p := newPerson(t, admin.Node{Name: "only", Connections: 3})
	p.presses("d")
	wantText(t, p.model, "refused: no usable node would be left", "f force …")
	p.presses("y")
	p.wantState("only", admin.StateReady)
	p.presses("f")
	p.wantState("only", admin.StateReady)
	wantText(t, p.model, "refused: no usable node would be left", "Drain only of 3 clients, by force?", "No other node can take them now.")
	p.presses("y")
	p.wantState("only", admin.StateDraining)
}

func TestADrainThatIsRefusedBehindItsForecastCanBeForcedToo(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	p.presses("d")
	p.control.Change("reverb-2", func(n *admin.Node) { n.Health = admin.HealthDown })
	p.presses("y")
	p.wantState("reverb-1", admin.StateReady)
	wantText(t, p.model, "refused: no usable node would be left", "f force …")
}

func TestUndrainPutsTheSelectedNodeBack(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	p.presses("jdyu")
	p.wantState("reverb-2", admin.StateReady)
	wantText(t, p.model, "reverb-2 is ready, health up\n")
}

func TestKeysWithoutEffectSayWhy(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	p.presses("u")
	wantText(t, p.model, "reverb-1 is not drained\n")
	p.presses("dyd")
	wantText(t, p.model, "reverb-1 is draining already\n")
	if got := len(p.control.Requests()); got != 2 {
		t.Errorf("got %d drains, want the dry run and the drain", got)
	}
}

func TestWhatGoesWrongIsShown(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	work := p.press('d')
	p.control.Remove("reverb-1")
	work(t.Context(), p.client)(p.model)
	wantText(t, p.model, `no such node: "reverb-1"`+"\n")
}

func TestANoticeGoesAfterAWhile(t *testing.T) {
	p := newPerson(t, twoNodes()...)
	p.presses("u")
	p.looked(admin.Look{Time: noon.Add(noticed), NodeList: p.control.Nodes(false)})
	wantText(t, p.model, "reverb-1 is not drained")
	p.looked(admin.Look{Time: noon.Add(noticed + time.Second), NodeList: p.control.Nodes(false)})
	wantText(t, p.model, "d drain   u undrain")
}

func TestTheSelectionFollowsItsNodeAndOutlivesIt(t *testing.T) {
	m := &model{}
	look := func(want string, names ...string) {
		t.Helper()
		var nodes []admin.Node
		for _, name := range names {
			nodes = append(nodes, admin.Node{Name: name})
		}
		m.looked(admin.Look{NodeList: admin.NodeList{Nodes: nodes}})
		if m.selected != want {
			t.Errorf("got %q selected, want %q", m.selected, want)
		}
	}
	look("a", "a", "b", "c")
	m.press(keyLast)
	m.press(keyDown)
	m.press(keyUp)
	look("b", "a", "b", "c")
	look("b", "b", "c")
	look("c", "c")
	look("c")
	look("d", "d", "e")
}

func TestOnlyTheLatestEventsAreKept(t *testing.T) {
	m := &model{}
	for range 2 * keptEvents {
		m.happened(admin.Event{Message: "old"})
	}
	m.happened(admin.Event{Message: "new"})
	if len(m.events) != keptEvents || m.events[keptEvents-1].Message != "new" {
		t.Errorf("got %d events, want %d with the new one", len(m.events), keptEvents)
	}
}

func TestHelpIsLeftWithAnyKey(t *testing.T) {
	m := threeNodes()
	m.press('?')
	wantText(t, m, "select a node", "any key goes back")
	m.press('q')
	if m.help || m.done {
		t.Errorf("got help %v, done %v, want the nodes again", m.help, m.done)
	}
	m.press('q')
	if !m.done {
		t.Error("got no end with q")
	}
}
