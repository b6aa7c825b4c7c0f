package screen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"fermata/internal/admin"
)

// patience is how long Fermata has for an answer.
const patience = 15 * time.Second

// task is work for another goroutine, and the change that it leads to.
type task func(context.Context, *admin.Client) change

// question is whether to drain a node.
type question struct {
	node    string
	force   bool
	local   bool // as in Options
	stage   stage
	refused string     // why it would not be done, or only by force
	answer  admin.Node // of the dry run
}

// stage is how far a question has got.
type stage int

const (
	rehearsing stage = iota // the dry run is under way
	asking                  // y drains
	refused                 // f asks again, for a drain by force
	draining                // y was pressed
)

// ask shows the question, and has the dry run done.
func (m *model) ask(q *question) task {
	m.question = q
	return q.drain(admin.DrainRequest{Force: q.force, Local: q.local, DryRun: true}, func(m *model, node admin.Node) {
		q.stage, q.answer = asking, node
	})
}

// answer takes a key while a question is asked.
func (m *model) answer(k key) task {
	q := m.question
	switch {
	case q.stage == draining: // it is too late
	case k == 'n' || k == 'q' || k == keyEscape:
		m.question = nil
		m.say(q.node + " was left alone")
	case k == 'y' && q.stage == asking:
		q.stage = draining
		return q.drain(admin.DrainRequest{Force: q.force, Local: q.local}, func(m *model, node admin.Node) {
			m.question = nil
			m.say(fmt.Sprintf("%s is %s", node.Name, node.State) + warning(node))
		})
	case k == 'f' && q.stage == refused:
		return m.ask(&question{node: q.node, force: true, local: q.local, refused: q.refused})
	}
	return nil
}

// drain is the task of asking Fermata, for as long as the question stands.
func (q *question) drain(request admin.DrainRequest, done func(*model, admin.Node)) task {
	return func(ctx context.Context, client *admin.Client) change {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		node, err := client.Drain(ctx, q.node, request)
		return func(m *model) {
			switch {
			case m.question != q:
			case err == nil:
				done(m, node)
			case isRefusal(err) && !q.force:
				q.stage, q.refused = refused, err.Error()
			default:
				m.question = nil
				m.complain(err)
			}
		}
	}
}

func isRefusal(err error) bool {
	var api *admin.APIError
	return errors.As(err, &api) && api.Status == http.StatusConflict
}

// warning is what Fermata adds to its answer.
func warning(node admin.Node) string {
	if node.Warning == "" {
		return ""
	}
	return ": " + node.Warning
}

func undrain(name string, local bool) task {
	return func(ctx context.Context, client *admin.Client) change {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		node, err := client.Undrain(ctx, name, admin.UndrainRequest{Local: local})
		return func(m *model) {
			if err != nil {
				m.complain(err)
				return
			}
			m.say(fmt.Sprintf("%s is %s, health %s", node.Name, node.State, node.HealthText()) + warning(node))
		}
	}
}
