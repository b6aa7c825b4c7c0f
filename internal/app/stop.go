package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"fermata/internal/config"
	"fermata/internal/pusher"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// A stop takes at least so long when somebody does not answer. All clients are
// told in the first half second.
const (
	// answerWithin is when clients are cut that do not answer.
	answerWithin = 800 * time.Millisecond
	// flushWithin is how long answers to plain requests may take to go out.
	flushWithin = 100 * time.Millisecond
)

// stop ends everything within stop_timeout, whatever clients and nodes do. A
// process that is not gone keeps its successor from listening.
func (a *App) stop(clients *http.Server, why error) {
	begun := time.Now()
	a.stopping.Store(true)
	a.mu.Lock()
	c := a.config
	a.mu.Unlock()
	limit := c.StopTimeout
	if !a.succession.isFollowing() { // otherwise the service goes on
		a.told(a.Manager.Stopping("stopping, within " + limit.String()))
	}
	if !errors.Is(why, errReplaced) {
		a.tell("stopping", "", "all clients are moved away", zap.Duration("at_most", limit))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.windUp(clients, c, begun)
	}()
	select {
	case <-done:
		a.log.Info("stopped", zap.Duration("dur", time.Since(begun)))
	case <-time.After(time.Until(begun.Add(limit))):
		a.log.Error("stopped, although not everything has ended", zap.Duration("dur", time.Since(begun)))
	}
}

// windUp sends everybody away. The listeners stay open meanwhile, as a client
// that is refused stays away for longer than one that is turned away.
func (a *App) windUp(clients *http.Server, c *config.Config, begun time.Time) {
	clients.SetKeepAlivesEnabled(false)
	code := pusher.CodeRetry
	if a.isReplaced() { // somebody serves
		code = pusher.CodeMove
	}
	a.handler.Stop(moves.Move{
		By: relay.ByShutdown, Code: code, Reason: "restarting", Rate: c.Drain.Rate, Deadline: begun.Add(answerWithin),
	})
	patience, cancel := context.WithDeadline(context.Background(), begun.Add(c.StopTimeout-2*flushWithin))
	defer cancel()
	a.handler.Answered(patience)
	flush, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	if clients.Shutdown(flush) != nil {
		clients.Close()
	}
	a.newcomers.Close()
	a.handler.Wait()
	a.checks.wait()
	a.discovery.wait()
	a.leaveCertificates()
}
