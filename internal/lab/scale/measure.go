//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"fermata/internal/lab/redisserver"
	"fermata/internal/lab/sheet"
)

// sizes are the clusters that are measured.
var sizes = []size{
	{3, 3, 5}, {10, 10, 5}, {50, 50, 5},
	{3, 3, 100}, {10, 10, 100}, {50, 3, 100}, {3, 3, 1000},
}

// buses are how many subscribe and publish.
var buses = []busFinding{
	{Subscribers: 10, Publishers: 1}, {Subscribers: 100, Publishers: 1}, {Subscribers: 1000, Publishers: 1},
	{Subscribers: 10, Publishers: 64}, {Subscribers: 100, Publishers: 64}, {Subscribers: 1000, Publishers: 64},
}

// deliveries are measured of each bus.
const deliveries = 200_000

// measure tries everything, one after the other.
func measure(ctx context.Context, progress io.Writer) (f findings, err error) {
	f.Head = sheet.Begin()
	defer func() { f.End() }()
	if err := redisserver.Installed(); err != nil {
		return f, err
	}
	for _, s := range sizes {
		found, err := measureCluster(ctx, s, ordinaryPatience)
		if err != nil {
			return f, fmt.Errorf("%d members, %d nodes: %w", s.Members, s.Nodes, err)
		}
		fmt.Fprintf(progress, "%+v\n", found)
		f.Clusters = append(f.Clusters, found)
	}
	for _, b := range buses {
		found, err := measureBus(ctx, b, deliveries)
		if err != nil {
			return f, err
		}
		fmt.Fprintf(progress, "%+v\n", found)
		f.Buses = append(f.Buses, found)
	}
	return f, nil
}

// withRedis runs a server for as long as use takes.
func withRedis(use func(s *redisserver.Server) error) error {
	dir, err := os.MkdirTemp("", "fermata-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp4", "127.0.0.20:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	l.Close()
	s, err := redisserver.Start(redisserver.Options{Address: address, Dir: dir})
	if err != nil {
		return err
	}
	defer s.Kill()
	return use(s)
}

func measureCluster(ctx context.Context, s size, p patience) (found clusterFinding, err error) {
	err = withRedis(func(server *redisserver.Server) error {
		p := &party{patience: p, found: clusterFinding{size: s}}
		defer p.close()
		if err := p.open(server.Address()); err != nil {
			return err
		}
		err := p.play(ctx)
		found = p.found
		return err
	})
	return found, err
}
