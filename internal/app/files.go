package app

import (
	"fmt"
	"runtime"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fermata/internal/config"
)

// raiseFileLimit raises the process's limit of open files as far as it may,
// and returns it.
func raiseFileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return 0, fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
		}
	}
	return uint64(limit.Cur), nil
}

// share is how the descriptors that a process may have are shared out. Whatever
// one part takes of its own, the others keep theirs.
type share struct {
	own         int // of the process: see ownFiles
	operators   int // connections to the admin endpoint
	connections int // of clients, at two descriptors each, those without a node yet with them
	clients     int // of those
}

const (
	mostFiles     = 1 << 25 // that are worth counting with
	operatorFiles = 64      // for operators, dashboards and Prometheus
	sparePlaces   = 16      // connections beside a sixteenth of the clients, for plain requests and polite refusals
)

// ownFiles are the descriptors that the process itself needs: for standard
// output, for the runtime's poller and the shards', for each listener, for what
// is read and written for a moment, and for each node's checks and look-up.
func ownFiles(listeners, nodes int) int { return 24 + 2*runtime.NumCPU() + listeners + 5*nodes }

// shareFiles shares out a limit of open files. Of too few, each part gets a
// little.
func shareFiles(limit uint64, own int) share {
	left := max(0, int(min(limit, mostFiles))-own)
	s := share{own: own}
	s.operators = min(max(left/4, 4), operatorFiles)
	s.connections = max(2, (left-s.operators)/2)
	s.clients = max(1, (s.connections-min(sparePlaces, s.connections/8))*16/17)
	return s
}

// connectionsFor is how many connections there may be with so many clients.
func (s share) connectionsFor(clients int) int {
	return min(s.connections, clients+clients/16+sparePlaces)
}

// filesFor is the limit of open files for so many clients.
func filesFor(clients, own int) int {
	return own + operatorFiles + 2*(clients+clients/16+sparePlaces+1)
}

// share shares the process's descriptors out, for this configuration.
func (a *App) share(c *config.Config) share {
	return shareFiles(a.fileLimit, ownFiles(len(c.Listen)+1, max(len(c.Nodes), len(a.pool.Nodes()))))
}

// noteLimit warns of clients that the configuration wants and the file
// descriptors do not allow, and of too few of these for anything.
func (a *App) noteLimit(c *config.Config) {
	files := a.share(c)
	if wanted := c.Limits.MaxClients; wanted > files.clients {
		a.log.Warn("limits.max_clients is more than the limit of open files allows", zap.Int("max_clients", wanted),
			zap.Int("allowed", files.clients), zap.Uint64("open_files", a.fileLimit), zap.Int("open_files_wanted", filesFor(wanted, files.own)))
	}
	if files.operators < operatorFiles {
		a.log.Warn("the limit of open files is very low: raise it (ulimit -n, LimitNOFILE), a client takes two", zap.Uint64("open_files", a.fileLimit),
			zap.Int("allowed", files.clients), zap.Int("open_files_wanted", filesFor(fewClients, files.own)))
	}
}

// fewClients are the least for which anybody runs a balancer.
const fewClients = 100
