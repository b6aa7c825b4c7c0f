package screen

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"fermata/internal/admin"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)

// threeNodes has one with a cap that drains, one that is full, and one that is
// down.
func threeNodes() *model {
	m := &model{address: "unix:/run/fermata/admin.sock"}
	m.looked(admin.Look{Time: noon, NodeList: admin.NodeList{Nodes: []admin.Node{
		{Name: "reverb-1", Health: admin.HealthUp, Reason: "pong in 2ms", State: admin.StateDraining, Connections: 190, MaxConnections: 950,
			Drain: &admin.Drain{Initial: 760, Remaining: 190, Rate: 20, Deadline: noon.Add(8 * time.Minute)}},
		{Name: "reverb-2", Health: admin.HealthUp, Reason: "pong in 1ms", State: admin.StateReady, Connections: 950, MaxConnections: 950},
		{Name: "reverb-3", Health: admin.HealthDown, Reason: "dial refused", State: admin.StateReady, MaxConnections: 950},
	}}})
	m.sampled(admin.Sample{Opened: 12.25, Closed: map[string]float64{"client": 2, "drain": 20}})
	m.happened(admin.Event{Time: noon.Add(-50 * time.Second), Type: "node_down", Node: "reverb-3", Message: "dial refused"})
	m.happened(admin.Event{Time: noon.Add(-40 * time.Second), Type: "drain", Node: "reverb-1", Message: "760 clients to move"})
	return m
}

func textOf(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	return b.String()
}

func wantScreen(t *testing.T, m *model, width, height int, want string) {
	t.Helper()
	if got := textOf(m.lines(width, height)); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("%dx%d: got\n%s\nwant%s", width, height, got, want)
	}
}

func wantText(t *testing.T, m *model, want ...string) {
	t.Helper()
	got := textOf(m.lines(80, 24))
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("got\n%s\nwant it to have %q", got, text)
		}
	}
}

func TestTheScreenOf80Columns(t *testing.T) {
	wantScreen(t, threeNodes(), 80, 16, `
Fermata at unix:/run/fermata/admin.sock                                 12:00:00
1 of 3 nodes usable   1140 of 2850 clients   12.2 new/s, 22 closed/s

  NODE      HEALTH  STATE     CLIENTS                  REASON
> reverb-1  up      draining  190/950  [##----------]  pong in 2ms
    [##############----]   75%  190 of 760 left, about 10s, 20/s, until 12:08:00
  reverb-2  up      ready     950/950  [############]  pong in 1ms
  reverb-3  down    ready       0/950  [------------]  dial refused

EVENTS
11:59:20  drain        reverb-1: 760 clients to move
11:59:10  node down    reverb-3: dial refused



d drain   u undrain   ? help   q quit   j/k select
`)
}

func TestADrainTellsHowManyWereMovedAndWhyTheOthersWereClosed(t *testing.T) {
	m := threeNodes()
	outcome := admin.Outcome{Moved: 562, Closed: 8, Text: "562 moved, 8 closed: 6 without a session, 2 timed out"}
	drain := m.look.Nodes[0].Drain
	drain.Outcome, drain.Close = outcome, true
	wantText(t, m, "20/s, closes all", "\n    562 moved, 8 closed: 6 without a session, 2 timed out\n")
	m.look.Nodes[0].Drain, m.look.Nodes[0].Moves = nil, &outcome
	wantText(t, m, "\n    562 moved, 8 closed: 6 without a session, 2 timed out\n")
}

func TestTheScreenOf40ColumnsHasTheReasonsThatMatter(t *testing.T) {
	wantScreen(t, threeNodes(), 40, 16, `
Fermata at unix:/run/fermata/…  12:00:00
1 of 3 nodes usable
1140 of 2850 clients

  NODE     HEALTH STATE    CLIENTS
> reverb-1 up     draining 190/950
    190 of 760 left, about 10s, 20/s, u…
    pong in 2ms
  reverb-2 up     ready    950/950
  reverb-3 down   ready      0/950
    dial refused

EVENTS
11:59:20  drain        reverb-1: 760 cl…
11:59:10  node down    reverb-3: dial r…
d drain   u undrain   ? help   q quit
`)
}

func TestALowScreenShowsTheSelectedNodeAndHowManyThereAreAround(t *testing.T) {
	m := &model{}
	var nodes []admin.Node
	for i := range 30 {
		nodes = append(nodes, admin.Node{Name: fmt.Sprintf("reverb-%d", i+1), Health: admin.HealthUp, State: admin.StateReady})
	}
	m.looked(admin.Look{NodeList: admin.NodeList{Nodes: nodes}})
	m.selectAt(20)
	for height := 3; height < 40; height++ {
		text := textOf(m.lines(60, height))
		if !strings.Contains(text, "> reverb-21 ") || (height > 4 && height < 34 && !strings.Contains(text, " above, ")) {
			t.Errorf("%d lines: got\n%s", height, text)
		}
	}
}

func TestALostFermataIsSaidToBeAwayWithWhatItSaidLast(t *testing.T) {
	m := threeNodes()
	m.missed(fmt.Errorf("%w %s: %w", admin.ErrUnreachable, m.address, errors.New("connection refused")))
	wantText(t, m, "No word from Fermata since then, trying again: connection refused\n", "12:00:00\n", "> reverb-1  up      draining")
	m.looked(admin.Look{Time: noon.Add(time.Second)})
	if got := textOf(m.lines(80, 24)); strings.Contains(got, "No word") {
		t.Errorf("got\n%s\nwant nothing about that when it is back", got)
	}
}

func TestColoursSayNothingThatTheTextDoesNot(t *testing.T) {
	for _, l := range threeNodes().lines(80, 24) {
		if got := steering.ReplaceAllString(l.painted(true), ""); got != l.painted(false) {
			t.Errorf("got %q, want the text %q", got, l.painted(false))
		}
	}
}

// steering is what we write ourselves into a line.
var steering = regexp.MustCompile(`\x1b\[[0-9]+m`)

func TestNoTextMakesALineWiderThanTheTerminalOrSteersIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		width, height := rapid.IntRange(1, 130).Draw(t, "width"), rapid.IntRange(1, 50).Draw(t, "height")
		lines := m.lines(width, height)
		if len(lines) != height {
			t.Errorf("got %d lines, want %d", len(lines), height)
		}
		for _, l := range lines {
			text := steering.ReplaceAllString(l.painted(true), "")
			if n := utf8.RuneCountInString(text); n > width || columns(text) > width {
				t.Errorf("%q: got %d columns, want at most %d", text, max(n, columns(text)), width)
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("got %q, want printable text only", text)
			}
		}
	})
}

// drawModel draws one that any Fermata, or what pretends to be one, and any
// person could lead to.
func drawModel(t *rapid.T) *model {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"reverb-1", "\x1b[2J\x1b]0;title\a", "\u202egnp.exe", "日本語のノード", "a\r\nb\tc", "e\u0301\u0301\u0301", "👩‍👩‍👧‍👦", "\u009b31m", "\xff\xfe",
	}))
	number := rapid.OneOf(rapid.IntRange(0, 2000), rapid.Int())
	moment := func(label string) time.Time { return noon.Add(time.Duration(rapid.Int64().Draw(t, label))) }
	node := rapid.Custom(func(t *rapid.T) admin.Node {
		n := admin.Node{
			Name: text.Draw(t, "name"), Reason: text.Draw(t, "reason"), Avoided: rapid.Bool().Draw(t, "avoided"),
			Health:      rapid.OneOf(rapid.SampledFrom([]string{admin.HealthUp, admin.HealthDown}), text).Draw(t, "health"),
			State:       rapid.OneOf(rapid.SampledFrom([]string{admin.StateReady, admin.StateDraining, admin.StateDrained}), text).Draw(t, "state"),
			Connections: number.Draw(t, "connections"), MaxConnections: number.Draw(t, "cap"),
		}
		if rapid.Bool().Draw(t, "drain") {
			n.Drain = &admin.Drain{Initial: number.Draw(t, "initial"), Remaining: number.Draw(t, "remaining"), Rate: number.Draw(t, "rate"),
				Outcome: admin.Outcome{Text: text.Draw(t, "outcome")}}
		}
		return n
	})
	m := &model{address: text.Draw(t, "address"), help: rapid.Bool().Draw(t, "help")}
	m.looked(admin.Look{Time: moment("time"), NodeList: admin.NodeList{Nodes: rapid.SliceOfN(node, 0, 30).Draw(t, "nodes")}})
	if rapid.Bool().Draw(t, "clustered") {
		member := rapid.Custom(func(t *rapid.T) admin.Member {
			return admin.Member{Name: text.Draw(t, "name"), Clients: number.Draw(t, "clients"), Ready: rapid.Bool().Draw(t, "ready"), Self: rapid.Bool().Draw(t, "self")}
		})
		m.look.Cluster = &admin.Cluster{Name: text.Draw(t, "cluster"), Member: text.Draw(t, "member"), Away: text.Draw(t, "away"),
			Members: rapid.SliceOfN(member, 0, 9).Draw(t, "members")}
		m.local = rapid.Bool().Draw(t, "local")
	}
	for range rapid.IntRange(0, 30).Draw(t, "events") {
		m.happened(admin.Event{Time: moment("event"), Type: text.Draw(t, "type"), Node: text.Draw(t, "of"), Message: text.Draw(t, "message")})
	}
	if rapid.Bool().Draw(t, "sampled") {
		m.sampled(admin.Sample{Opened: rapid.Float64().Draw(t, "opened"), Closed: map[string]float64{"x": rapid.Float64().Draw(t, "closed")}})
	}
	if rapid.Bool().Draw(t, "lost") {
		m.missed(errors.New(text.Draw(t, "error")))
	}
	if rapid.Bool().Draw(t, "asked") {
		m.question = &question{node: text.Draw(t, "node"), refused: text.Draw(t, "refused"), force: rapid.Bool().Draw(t, "force"),
			stage: stage(rapid.IntRange(0, 3).Draw(t, "stage"))}
		for range rapid.IntRange(0, 30).Draw(t, "loads") {
			m.question.answer.Forecast = append(m.question.answer.Forecast, admin.Load{
				Node: text.Draw(t, "other"), Connections: number.Draw(t, "now"), After: number.Draw(t, "after"), MaxConnections: number.Draw(t, "max"),
			})
		}
	}
	m.say(text.Draw(t, "notice"))
	m.selectAt(rapid.IntRange(0, 30).Draw(t, "selected"))
	return m
}
