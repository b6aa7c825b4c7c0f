//go:build linux

package main

// What things cost, in seconds of one core's time and in bytes, on two cores of an AMD
// EPYC. The names of columns in costs say how each is known.
const (
	// Reverb 1.10.2, PHP alone, one process.
	nodeHandshake = 550e-6 // a client that comes and subscribes; a check is as much
	nodePublish   = 550e-6 // POST /events
	nodeHears     = 60e-6  // an event that another node has published
	selectLoop    = 195e-6 / 900
	nodeDelivers  = 7e-6

	// Redis 7.0.
	redisAlone    = 7.5e-6 // an event to one node, when it comes alone
	redisDelivery = 1e-6   // when many come at once
	eventBytes    = 600.   // with 300 bytes of data
	linkBytes     = 10e9 / 8

	// Fermata, TLS, clients that offer X25519.
	clientIdles   = 0.24e-6 // in a second
	roundTrip     = 48e-6
	clientGets    = 16.4e-6 // a message
	newClient     = 0.6e-3
	plainRequest  = 350e-6
	memberClients = 100_000 // that is planned for each
	memberCores   = 2

	// Of a cluster: bytes, and a member's time at each beat.
	reportBase, reportNode           = 230., 109.
	stateBase, stateNode, stateQuota = 60., 16., 17.6
	beatSelf, beatReport             = 1.2e-3, 4.8e-6

	// What the clients and the checks do by default.
	pingEvery  = 30.
	checkEvery = 2.
)
