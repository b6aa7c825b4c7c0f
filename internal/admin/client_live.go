package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// silence is how long /v1/live may say nothing, which has the nodes each
// second, before it is given up.
const silence = 5 * time.Second

var errSilence = fmt.Errorf("nothing was heard for %s", silence)

// Watcher is called with what /v1/live sends, in that order. No field may be
// nil.
type Watcher struct {
	Look   func(Look)   // each second
	Sample func(Sample) // those of the history, oldest first, and then new ones
	Event  func(Event)  // likewise
}

// Live watches until the stream ends, which is no error, or the context does.
// Of the events before it sends those behind the one with the id after; empty:
// all that Fermata has kept. It returns the id of the last one, to go on from
// in the next call. local is as in Nodes.
func (c *Client) Live(ctx context.Context, after string, local bool, w Watcher) (last string, err error) {
	heard, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	watchdog := time.AfterFunc(silence, func() { giveUp(errSilence) })
	defer watchdog.Stop()
	request, err := c.request(heard, http.MethodGet, "/v1/live"+localQuery(local), nil)
	if err != nil {
		return after, err
	}
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	reading := liveReading{watcher: w, last: after}
	err = c.readLines(request, func(line string) error {
		watchdog.Reset(silence)
		return reading.take(line)
	})
	if errors.Is(context.Cause(heard), errSilence) {
		err = fmt.Errorf("%w %s: %w", ErrUnreachable, c.address, errSilence)
	}
	return reading.last, err
}

// readLines calls each for the lines of the answer, until it ends or each
// errors.
func (c *Client) readLines(request *http.Request, each func(line string) error) error {
	response, err := c.send(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		if err := each(lines.Text()); err != nil {
			return fmt.Errorf("%s does not answer as Fermata does: %w", c.address, err)
		}
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(request.Context(), err)
	}
	return request.Context().Err()
}

// liveReading puts the lines of a stream together.
type liveReading struct {
	watcher Watcher
	kind    string // of the message that is being read; empty: an event
	last    string // the id of the latest event
}

func (l *liveReading) take(line string) error {
	field, value, _ := strings.Cut(line, ": ")
	switch field {
	case "":
		l.kind = ""
	case "id":
		l.last = value
	case "event":
		l.kind = value
	case "data":
		return l.tell([]byte(value))
	}
	return nil
}

// tell leaves out what a later Fermata may send.
func (l *liveReading) tell(data []byte) error {
	switch l.kind {
	case "":
		return decodeTo(l.watcher.Event, data)
	case "sample":
		return decodeTo(l.watcher.Sample, data)
	case "nodes":
		return decodeTo(l.watcher.Look, data)
	}
	return nil
}

func decodeTo[T any](tell func(T), data []byte) error {
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	tell(value)
	return nil
}
