//go:build linux

package main

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"fermata/internal/lab/sheet"
)

// findings are what was measured of clusters and of Redis.
type findings struct {
	sheet.Head
	Clusters []clusterFinding `json:"clusters"`
	Buses    []busFinding     `json:"buses"`
}

// size is that of a cluster. Members that are not whole exchange as much with Redis as
// the others, and look at nothing of it: all together would be too much for one machine.
type size struct {
	Members int `json:"members"`
	Whole   int `json:"whole"`
	Nodes   int `json:"nodes"`
}

// clusterFinding is of a cluster in one process, and a real Redis.
type clusterFinding struct {
	size
	// At rest:
	Beats  float64 `json:"beats"`  // of a member, per second; 2 if it keeps up
	In     float64 `json:"in"`     // bytes to Redis, per beat
	Out    float64 `json:"out"`    // bytes from Redis, per beat
	Redis  float64 `json:"redis"`  // seconds of CPU of Redis, per beat
	Member float64 `json:"member"` // seconds of CPU of a member, per beat; with others that are not whole, of all
	Report int     `json:"report"` // bytes of one
	State  int     `json:"state"`  // bytes
	// From the command until all whole members know the decision, in seconds:
	Quiet spread `json:"quiet"` // at rest
	Storm spread `json:"storm"` // while all quotas change
	// In that storm, of the writes of the state:
	Swaps     int `json:"swaps"`
	Conflicts int `json:"conflicts"`
}

// spread is of some durations, in seconds.
type spread struct {
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

// busFinding is what Redis needs to pass on what is published.
type busFinding struct {
	Subscribers int     `json:"subscribers"`
	Publishers  int     `json:"publishers"`
	Redis       float64 `json:"redis"` // seconds of CPU for each message and subscriber
}

//go:embed measured.json
var measuredJSON []byte

func builtIn() (f findings, err error) {
	if err := json.Unmarshal(measuredJSON, &f); err != nil {
		return f, fmt.Errorf("measured.json: %w", err)
	}
	return f, nil
}
