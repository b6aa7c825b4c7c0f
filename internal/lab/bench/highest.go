//go:build linux

package main

import (
	"errors"
	"time"

	"fermata/internal/lab/bench/proc"
)

// size is how large a proxy is.
type size struct {
	threads int
	memory  int64 // bytes
}

const (
	// glance is how often a proxy's threads are counted. They come and stay, mostly.
	glance = 5 * time.Millisecond
	// perLook is how many glances there are to each look at its memory, for which the
	// kernel goes through all of it.
	perLook = 20
)

// highest is a proxy's size before some work, and the highest during it.
func (r *running) highest(work func() error) (before, most size, err error) {
	if before, err = r.size(); err != nil {
		return before, most, err
	}
	stop, watched := make(chan struct{}), make(chan error, 1)
	most = before
	go func() { watched <- r.watchSize(stop, &most) }()
	err = work()
	close(stop)
	return before, most, errors.Join(err, <-watched)
}

// watchSize raises most to the highest until it is to stop.
func (r *running) watchSize(stop <-chan struct{}, most *size) error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for i := 1; ; i++ {
		select {
		case <-stop:
			return r.look(most)
		case <-ticker.C:
		}
		if err := r.glance(most, i%perLook == 0); err != nil {
			return err
		}
	}
}

func (r *running) glance(most *size, memory bool) error {
	if memory {
		return r.look(most)
	}
	threads, err := proc.Threads(r.pids)
	most.threads = max(most.threads, threads)
	return err
}

func (r *running) look(most *size) error {
	now, err := r.size()
	most.threads, most.memory = max(most.threads, now.threads), max(most.memory, now.memory)
	return err
}

func (r *running) size() (now size, err error) {
	var err2 error
	now.threads, err = proc.Threads(r.pids)
	now.memory, err2 = proc.PSS(r.pids)
	return now, errors.Join(err, err2)
}
