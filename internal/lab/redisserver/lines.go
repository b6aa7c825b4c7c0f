//go:build unix

package redisserver

import (
	"bytes"
	"regexp"
	"sync"
)

// isReady is in what a server, or a sentinel, says once it can be asked.
var isReady = regexp.MustCompile(`Ready to accept connections|\+monitor master`)

// lines keeps what a server says.
type lines struct {
	ready chan struct{} // closed when it has said so

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

func newLines() *lines { return &lines{ready: make(chan struct{})} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if !l.told && isReady.Match(l.text.Bytes()) {
		l.told = true
		close(l.ready)
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
