package screen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fermata/internal/admin"
)

const keptEvents = 100

// model is all that the screen shows. Its zero value knows nothing yet. One
// goroutine uses it.
type model struct {
	address  string
	local    bool // as in Options
	look     admin.Look
	sample   *admin.Sample // the latest; nil: there is none yet
	events   []admin.Event // oldest first
	lost     string        // why Fermata is away; empty: it is there
	selected string        // the name of a node
	question *question     // nil: none is asked
	notice   notice
	help     bool
	repaint  bool // the terminal has been drawn over by others
	suspend  bool // step aside
	done     bool
}

// change is applied to the model by the goroutine that owns it.
type change func(*model)

// notice is what has become of what was asked for last. It goes with the next
// key, or after a while.
type notice struct {
	text string
	bad  bool
	at   time.Time // by Fermata's clock
}

// noticed is how long a notice stays.
const noticed = 8 * time.Second

func (m *model) say(text string) { m.notice = notice{text, false, m.look.Time} }

func (m *model) complain(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer in %s", patience)
	}
	m.notice = notice{err.Error(), true, m.look.Time}
}

// looked takes the nodes as they are now. The selection stays where it is when
// its node is gone.
func (m *model) looked(look admin.Look) {
	i := max(m.place(), 0)
	m.look, m.lost = look, ""
	if look.Time.Sub(m.notice.at) > noticed {
		m.notice = notice{}
	}
	if nodes := look.Nodes; m.place() < 0 && len(nodes) > 0 {
		m.selected = nodes[min(i, len(nodes)-1)].Name
	}
}

// missed takes why nothing is heard of Fermata. Its rates are of no use when it
// is back.
func (m *model) missed(err error) {
	m.lost = strings.TrimPrefix(err.Error(), fmt.Sprintf("%s %s: ", admin.ErrUnreachable, m.address))
	m.sample = nil
}

func (m *model) sampled(sample admin.Sample) { m.sample = &sample }

func (m *model) happened(event admin.Event) {
	if len(m.events) == keptEvents {
		m.events = slices.Delete(m.events, 0, 1)
	}
	m.events = append(m.events, event)
}

// place is the selected node's; -1: there is none.
func (m *model) place() int {
	return slices.IndexFunc(m.look.Nodes, func(n admin.Node) bool { return n.Name == m.selected })
}

// press does what a key stands for. What takes longer is in the task.
func (m *model) press(k key) task {
	switch {
	case k == keyInterrupt || k == keyHangup:
		m.done = true
	case k == keyRepaint:
		m.repaint = true
	case k == keySuspend:
		m.suspend = true
	case m.question != nil:
		return m.answer(k)
	case m.help:
		m.help = false
	default:
		return m.command(k)
	}
	return nil
}

func (m *model) command(k key) task {
	m.notice = notice{}
	switch k {
	case 'q':
		m.done = true
	case '?', 'h':
		m.help = true
	case 'k', keyUp:
		m.selectAt(m.place() - 1)
	case 'j', keyDown:
		m.selectAt(m.place() + 1)
	case 'g', keyFirst:
		m.selectAt(0)
	case 'G', keyLast:
		m.selectAt(len(m.look.Nodes) - 1)
	case 'd':
		return m.askDrain()
	case 'u':
		return m.undrain()
	}
	return nil
}

func (m *model) selectAt(i int) {
	if nodes := m.look.Nodes; len(nodes) > 0 {
		m.selected = nodes[min(max(i, 0), len(nodes)-1)].Name
	}
}

// askDrain asks with the forecast of a dry run.
func (m *model) askDrain() task {
	i := m.place()
	if i < 0 {
		return nil
	}
	if node := m.look.Nodes[i]; node.State != admin.StateReady {
		m.say(fmt.Sprintf("%s is %s already", node.Name, node.State))
		return nil
	}
	return m.ask(&question{node: m.selected, local: m.local})
}

func (m *model) undrain() task {
	i := m.place()
	if i < 0 {
		return nil
	}
	if node := m.look.Nodes[i]; node.State == admin.StateReady {
		m.say(node.Name + " is not drained")
		return nil
	}
	return undrain(m.selected, m.local)
}
