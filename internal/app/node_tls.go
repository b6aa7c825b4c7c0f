package app

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/internal/config"
)

// watchNodeTLS follows the files that the nodes' tls sections name until ctx ends.
func (a *App) watchNodeTLS(ctx context.Context) {
	ticker := time.NewTicker(certificateInterval)
	defer ticker.Stop()
	told := make(map[string]string)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.rereadNodeTLS(told)
		}
	}
}

// rereadNodeTLS takes over what has changed. Told has by entry the reason that the log
// has already. The files are read without a lock: a reload in between wins.
func (a *App) rereadNodeTLS(told map[string]string) {
	a.mu.Lock()
	now := a.config
	a.mu.Unlock()
	next, changed := *now, []string(nil)
	next.Nodes = slices.Clone(now.Nodes)
	for i := range next.Nodes {
		e := &next.Nodes[i]
		if e.Trust == nil {
			continue
		}
		trust, err := e.Trust.Renewed(*e.TLS, time.Now())
		a.nodeTLSRefused(told, e.Name, err)
		if trust != e.Trust {
			e.Trust, changed = trust, append(changed, e.Name)
		}
	}
	if len(changed) == 0 || !a.swapNodeTLS(now, &next) {
		return
	}
	for _, name := range changed {
		a.tell("certificate", name, "tls of the node swapped")
	}
}

// nodeTLSRefused logs once why files are not taken over.
func (a *App) nodeTLSRefused(told map[string]string, entry string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != told[entry] {
		a.log.Error("new files of a node's tls not taken over, the old ones stay", zap.String("node", entry), zap.NamedError("err", err))
	}
	told[entry] = text
}

// swapNodeTLS has connections to nodes made by the next configuration, unless there is
// another one by now.
func (a *App) swapNodeTLS(now, next *config.Config) bool {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config != now || a.running.Err() != nil {
		return false
	}
	a.config = next
	a.replaceNodes()
	return true
}
