//go:build linux

package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"fermata/internal/lab/redisserver"
	"fermata/internal/lab/storm/report"
)

// startRedis starts the one that members meet in; the nodes have their bus. It
// has an address of its own, since its port might be taken by a client while it
// is away.
func startRedis(dir string) (*redisserver.Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.20:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	return redisserver.Start(redisserver.Options{Address: address, Dir: dir})
}

// traffic is what Redis gets while something happens.
func (r *running) traffic(ctx context.Context, when string, happens func() error) (report.Traffic, error) {
	client := redis.NewClient(&redis.Options{Addr: r.redis.Address()})
	defer client.Close()
	before, err := client.InfoMap(ctx, "all").Result()
	if err != nil {
		return report.Traffic{}, err
	}
	began := time.Now()
	err = happens()
	took := time.Since(began)
	after, infoErr := client.InfoMap(ctx, "all").Result()
	return trafficOf(when, before, after, took), errors.Join(err, infoErr)
}

// trafficOf compares what INFO said before and after. The question itself is left
// out of the commands.
func trafficOf(when string, before, after map[string]map[string]string, took time.Duration) report.Traffic {
	per := func(section, key string) float64 {
		return (count(after[section][key]) - count(before[section][key])) / took.Seconds()
	}
	t := report.Traffic{When: when, Commands: map[string]float64{}}
	t.In, t.Out = per("Stats", "total_net_input_bytes"), per("Stats", "total_net_output_bytes")
	for key := range maps.Keys(after["Commandstats"]) {
		if name := strings.TrimPrefix(key, "cmdstat_"); name != "info" {
			t.Commands[name] = per("Commandstats", key)
		}
	}
	return t
}

// count is 12 of "12" and of "calls=12,usec=…", and 0 of what is not there.
func count(stat string) float64 {
	first, _, _ := strings.Cut(strings.TrimPrefix(stat, "calls="), ",")
	n, _ := strconv.ParseFloat(first, 64)
	return n
}
