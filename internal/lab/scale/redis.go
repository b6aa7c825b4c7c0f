//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"fermata/internal/lab/redisserver"
)

// usage is what a Redis, and this process, have used so far.
type usage struct {
	at      time.Time
	took    time.Duration // of a difference
	in, out float64       // bytes
	redis   float64       // seconds of CPU
	own     float64       // seconds of CPU of this process
}

func (u usage) since(before usage) usage {
	return usage{
		took: u.at.Sub(before.at), in: u.in - before.in, out: u.out - before.out,
		redis: u.redis - before.redis, own: u.own - before.own,
	}
}

// watch asks a Redis what it has used.
type watch struct{ client *redis.Client }

func watchRedis(address string) *watch {
	return &watch{redis.NewClient(&redis.Options{Addr: address, PoolSize: 64})}
}

func (w *watch) close() { w.client.Close() }

func (w *watch) usage(ctx context.Context) (u usage, err error) {
	info, err := w.client.InfoMap(ctx, "all").Result()
	if err != nil {
		return u, err
	}
	u.at = time.Now()
	u.in, u.out = number(info["Stats"]["total_net_input_bytes"]), number(info["Stats"]["total_net_output_bytes"])
	u.redis = number(info["CPU"]["used_cpu_user"]) + number(info["CPU"]["used_cpu_sys"])
	u.own, err = ownCPU()
	return u, err
}

// number is 0 for what is not there.
func number(stat string) float64 {
	n, _ := strconv.ParseFloat(stat, 64)
	return n
}

func ownCPU() (seconds float64, err error) {
	var r syscall.Rusage
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds(), err
}

// event is about as long as what Reverb publishes for 300 bytes of data.
var event = strings.Repeat("x", 500)

// measureBus has as many subscribe and publish as b says, until there were so many
// deliveries.
func measureBus(ctx context.Context, b busFinding, deliveries int) (busFinding, error) {
	err := withRedis(func(s *redisserver.Server) error {
		w := watchRedis(s.Address())
		defer w.close()
		for range b.Subscribers {
			end, err := subscribe(s.Address())
			if err != nil {
				return err
			}
			defer end()
		}
		before, err := w.usage(ctx)
		if err != nil {
			return err
		}
		if err := publish(ctx, w.client, b.Publishers, deliveries/b.Subscribers); err != nil {
			return err
		}
		after, err := w.usage(ctx)
		b.Redis = after.since(before).redis / float64(deliveries)
		return err
	})
	return b, err
}

// publish publishes messages, several at the same time.
func publish(ctx context.Context, client *redis.Client, publishers, messages int) error {
	errs := make(chan error, publishers)
	left := new(atomic.Int64)
	left.Store(int64(messages))
	for range publishers {
		go func() {
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = client.Publish(ctx, "reverb", event).Err()
			}
			errs <- err
		}()
	}
	var err error
	for range publishers {
		err = errors.Join(err, <-errs)
	}
	return err
}

// subscribe is a subscriber that reads whatever comes, until end.
func subscribe(address string) (end func(), err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	answer := make([]byte, len("*3\r\n$9\r\nsubscribe\r\n$6\r\nreverb\r\n:1\r\n"))
	_, err = io.WriteString(c, "SUBSCRIBE reverb\r\n")
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	done := make(chan struct{})
	go func() { defer close(done); io.Copy(io.Discard, c) }()
	return func() { c.Close(); <-done }, nil
}
