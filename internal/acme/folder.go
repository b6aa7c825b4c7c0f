package acme

import (
	"context"
	"sync"

	"github.com/caddyserver/certmagic"
)

// folder is a Storage in files. Its locks are for this process: nobody else uses the
// state directory, in which it is.
type folder struct {
	certmagic.FileStorage
	locks locks
}

// NewFolder makes nothing yet.
func NewFolder(path string) Storage {
	return &folder{FileStorage: certmagic.FileStorage{Path: path}}
}

func (f *folder) Lock(ctx context.Context, name string) error { return f.locks.lock(ctx, name) }

func (f *folder) TryLock(_ context.Context, name string) (bool, error) { return f.locks.try(name), nil }

func (f *folder) Unlock(_ context.Context, name string) error {
	f.locks.unlock(name)
	return nil
}

// locks are named ones. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is free again
}

func (l *locks) lock(ctx context.Context, name string) error {
	for !l.try(name) {
		select {
		case <-l.free(name):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (l *locks) try(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[string]chan struct{})
	}
	if l.held[name] != nil {
		return false
	}
	l.held[name] = make(chan struct{})
	return true
}

func (l *locks) free(name string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[name]; held != nil {
		return held
	}
	free := make(chan struct{})
	close(free)
	return free
}

func (l *locks) unlock(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[name]; held != nil {
		close(held)
		delete(l.held, name)
	}
}
