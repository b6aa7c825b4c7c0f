package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fermata/internal/admin"
	"fermata/internal/console"
)

const (
	pollEvery = 500 * time.Millisecond
	// overdue is how far behind its deadline a drain may be before we stop
	// waiting; it also takes the difference between two machines' clocks.
	overdue = 15 * time.Second
	// patience is how long Fermata may be away meanwhile.
	patience = 10 * time.Second
)

// drainWait watches one drain until its node is empty.
type drainWait struct {
	client  *admin.Client
	out     io.Writer // for the progress
	timeout time.Duration
	every   time.Duration // between two looks
	local   bool          // look at this member of a cluster alone
}

// run returns the empty node, or why there is none. The drain goes on whatever
// becomes of the wait.
func (d drainWait) run(ctx context.Context, node admin.Node) (admin.Node, error) {
	limited, cancel := withTimeout(ctx, d.timeout)
	defer cancel()
	show, done := d.progress()
	defer done()
	for !empty(node) {
		show(node)
		if err := d.hopeless(node); err != nil {
			return node, err
		}
		select {
		case <-limited.Done():
			return node, d.stopped(ctx, node)
		case <-time.After(d.every):
		}
		next, err := d.look(limited, node.Name)
		switch {
		case limited.Err() != nil:
			return node, d.stopped(ctx, node)
		case err != nil:
			return node, err
		}
		d.tellGone(node, next)
		node = next
	}
	show(node)
	return node, nil
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// empty is whether a node has been drained. One without clients that is still
// draining may get some: a member of a cluster has not heard of the drain. A node
// that was removed from the configuration has no drain.
func empty(node admin.Node) bool {
	removed := node.State == admin.StateDraining && node.Drain == nil
	return node.State == admin.StateDrained || removed && node.Connections == 0
}

// errTakenOut is for a node that was there, and is not any more.
var errTakenOut = errors.New("was taken out of the configuration meanwhile")

// look asks for the node, and again for a while when Fermata is away.
func (d drainWait) look(ctx context.Context, name string) (admin.Node, error) {
	until := time.Now().Add(patience)
	for {
		node, err := d.client.Node(ctx, name, d.local)
		var api *admin.APIError
		switch {
		case errors.As(err, &api) && api.Status == http.StatusNotFound:
			return node, &exitError{exitFailed, fmt.Errorf("%s %w", name, errTakenOut)}
		case !errors.Is(err, admin.ErrUnreachable) || time.Now().After(until):
			return node, err
		}
		select {
		case <-ctx.Done():
			return node, ctx.Err()
		case <-time.After(d.every):
		}
	}
}

// hopeless says why a node will not become empty, or nothing.
func (d drainWait) hopeless(node admin.Node) error {
	if node.State == admin.StateReady {
		return &exitError{exitFailed, fmt.Errorf("%s was undrained meanwhile, it has %s", node.Name, clients(node.Connections))}
	}
	if node.Drain != nil && time.Since(node.Drain.Deadline) > overdue {
		return &exitError{exitNotInTime, fmt.Errorf("%s %s, and the drain's deadline has passed", node.Name, notEmpty(node))}
	}
	return nil
}

// stopped says that we wait no longer; ctx has ended if it was interrupted.
func (d drainWait) stopped(ctx context.Context, node admin.Node) error {
	why := fmt.Sprintf("not empty after %s", d.timeout)
	if ctx.Err() != nil {
		why = "interrupted"
	}
	return &exitError{exitNotInTime, fmt.Errorf("%s: %s %s; the drain goes on (fermata undrain %s ends it)", why, node.Name, notEmpty(node), node.Name)}
}

// tellGone tells of members of a cluster that are not waited for any longer. Their
// processes may be cut off only, with clients that notice when the node ends.
func (d drainWait) tellGone(before, now admin.Node) {
	start := ""
	if isTerminal(d.out) {
		start = "\r\x1b[K"
	}
	for _, m := range before.Members {
		still := slices.ContainsFunc(now.Members, func(n admin.MemberNode) bool { return n.ID == m.ID })
		if m.Connections > 0 && !still && !d.local {
			fmt.Fprintf(d.out, "%s%s: %s is not heard any more, it had %s there\n", start, now.Name, console.Printable(m.Member), clients(m.Connections))
		}
	}
}

// notEmpty is why a node does not count as that. Without clients, not every member
// of a cluster has said that it knows of the drain.
func notEmpty(node admin.Node) string {
	if node.Connections == 0 {
		return "may still get clients from a member of the cluster that has not been heard"
	}
	return "still has " + clients(node.Connections)
}

// progress shows a node when it has changed: on a terminal as one line that is
// drawn over, else as at most a line per second. done must be called.
func (d drainWait) progress() (show func(admin.Node), done func()) {
	if isTerminal(d.out) {
		return func(node admin.Node) { fmt.Fprint(d.out, "\r"+d.line(node)+"\x1b[K") },
			func() { fmt.Fprint(d.out, "\r\x1b[K") }
	}
	shown := -1
	var at time.Time
	return func(node admin.Node) {
		if empty(node) || node.Connections == shown || time.Since(at) < time.Second {
			return
		}
		shown, at = node.Connections, time.Now()
		fmt.Fprintf(d.out, "%s: %s\n", node.Name, withOutcome(progressText(node, at), "; ", node))
	}, func() {}
}

// line fits the terminal: the bar takes what the texts leave of it, and the outcome
// is cut.
func (d drainWait) line(node admin.Node) string {
	text := progressText(node, time.Now())
	room := widthOf(d.out) - len(node.Name) - len(text) - len("  [] 100%  ") - 1
	if node.Drain == nil || room < 5 {
		return node.Name + "  " + text
	}
	done := 1.0
	if node.Drain.Initial > 0 {
		done = 1 - float64(node.Drain.Remaining)/float64(node.Drain.Initial)
	}
	if spare := room - leastBar; node.Outcome().Text != "" && spare >= leastOutcome {
		outcome := cut(withOutcome("", "; ", node), spare)
		text, room = text+outcome, room-utf8.RuneCountInString(outcome)
	}
	return fmt.Sprintf("%s  %s %3.0f%%  %s", node.Name, bar(done, min(room, 40)), 100*done, text)
}

// What is worth its place in a line, in columns.
const (
	leastBar     = 10
	leastOutcome = 14
)

func progressText(node admin.Node, now time.Time) string {
	if node.Drain == nil {
		return clients(node.Connections) + " left"
	}
	drain := *node.Drain
	parts := []string{fmt.Sprintf("%d of %d left", drain.Remaining, drain.Initial), rateOf(drain.Rate)}
	if grace := drain.Begin.Sub(now).Round(time.Second); grace > 0 {
		parts = append(parts, "beginning in "+grace.String())
	}
	if drain.Remaining == 0 && node.State == admin.StateDraining {
		return strings.Join(append(parts[:1], "waiting to hear from all members"), ", ")
	}
	if left := drain.Left(now); left > 0 {
		parts = append(parts, "about "+left.String())
	}
	return strings.Join(parts, ", ")
}
