package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// statusEvery is how often the service manager is told how it goes, if that has
// changed.
const statusEvery = 5 * time.Second

// tellManager tells the service manager that this Fermata serves, and from then on
// how it goes, and that it works, until ctx ends.
func (a *App) tellManager(ctx context.Context) {
	if a.Manager == nil {
		return
	}
	told := a.status()
	a.told(a.Manager.Ready(told))
	every := statusEvery
	watched := a.Manager.Watchdog()
	if watched > 0 {
		every = min(every, watched/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if a.succession.isFollowing() { // the successor tells
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				return
			}
		}
		if watched > 0 {
			a.tellWorks(ctx, watched/3)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := a.status(); now != told {
			a.told(a.Manager.Status(now))
			told = now
		}
	}
}

// told notes what the service manager could not be told.
func (a *App) told(err error) {
	if err != nil {
		a.untold.warn(a.log, "service manager not told how this process is", zap.NamedError("err", err))
	}
}

// status is how it goes, in a line.
func (a *App) status() string {
	clients, _ := a.handler.Clients()
	line := fmt.Sprintf("%d of %d nodes usable, %s clients", len(a.pool.UsableBeside(nil)), len(a.joined.Load().nodes), grouped(clients))
	if a.pool.Panicking() {
		line += ", checks are not believed"
	}
	if a.reloadFailed.Load() {
		line += "; the last reload changed nothing, as the configuration is wrong"
	}
	return line
}

// grouped is a number with a comma between thousands.
func grouped(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// tellWorks keeps the watchdog quiet if this process works. The goroutine that
// finds that out stays behind if it does not.
func (a *App) tellWorks(ctx context.Context, within time.Duration) {
	limit, cancel := context.WithTimeoutCause(ctx, within, errors.New("no answer within "+within.String()))
	defer cancel()
	works := make(chan error, 1)
	go func() { works <- a.works(limit) }()
	select {
	case err := <-works:
		if err == nil {
			a.told(a.Manager.Works())
			return
		}
	case <-limit.Done():
	}
	if ctx.Err() == nil {
		a.log.Error("this process is stuck, and its watchdog not told otherwise", zap.Duration("watchdog", a.Manager.Watchdog()), zap.NamedError("err", context.Cause(limit)))
	}
}

// works asks those whom all clients and operators need: the loops that relay, and
// what decides and answers. It takes no descriptor, as to have none left is no
// reason for a restart.
func (a *App) works(ctx context.Context) error {
	if err := a.engine.Round(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Nodes(false)
	return nil
}
