package app

import (
	"runtime"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

func TestNoPartOfTheDescriptorsIsTakenByAnother(t *testing.T) {
	for limit := uint64(60); limit < 1<<21; limit += 1 + limit/7 {
		own := ownFiles(2, 2)
		s := shareFiles(limit, own)
		if all := s.own + s.operators + 2*s.connections; all > max(int(limit), own+8) {
			t.Errorf("of %d: got %+v, which is %d, want no more", limit, s, all)
		}
		if got := s.connectionsFor(s.clients); got > s.connections || got < s.clients {
			t.Errorf("of %d: got %d connections for %d clients, want at most %d", limit, got, s.clients, s.connections)
		}
	}
}

func TestALimitThatIsAskedForIsEnough(t *testing.T) {
	for clients := 1; clients < 1<<20; clients += 1 + clients/3 {
		own := ownFiles(1, 3)
		limit := filesFor(clients, own)
		if got := shareFiles(uint64(limit), own); clients >= 100 && (got.clients < clients || got.operators < operatorFiles) {
			t.Errorf("with %d open files: got %+v, want %d clients", limit, got, clients)
		}
	}
}

func TestWithHardlyAnyDescriptorsThereIsAtLeastOneOfEach(t *testing.T) {
	for _, limit := range []uint64{0, 20, 40} {
		if s := shareFiles(limit, ownFiles(2, 2)); s.clients < 1 || s.connections < 2 || s.operators < 4 {
			t.Errorf("of %d: got %+v, want a client, a connection beside it, and operators", limit, s)
		}
	}
}

func TestAMachineGivesSoManyClientsForItsOpenFiles(t *testing.T) {
	if got, want := ownFiles(2, 3), 24+2*runtime.NumCPU()+2+15; got != want {
		t.Errorf("got %d descriptors of the process's own, want %d", got, want)
	}
	f := func(limit uint64, want share) {
		t.Helper()
		if got := shareFiles(limit, 50); got != want {
			t.Errorf("of %d open files: got %+v, want %+v", limit, got, want)
		}
	}
	f(1024, share{own: 50, operators: 64, connections: 455, clients: 413})
	f(65_536, share{own: 50, operators: 64, connections: 32_711, clients: 30_771})
	f(150, share{own: 50, operators: 25, connections: 37, clients: 31})
	f(1<<40, share{own: 50, operators: 64, connections: 16_777_159, clients: 15_790_252})
	if got, want := filesFor(1600, 50), 50+64+2*(1600+100+16+1); got != want {
		t.Errorf("got %d open files for 1600 clients, want %d", got, want)
	}
	if got := (share{connections: 2000}).connectionsFor(1600); got != 1600+100+16 {
		t.Errorf("got %d connections for 1600 clients, want 1716", got)
	}
}

func TestTheLimitOfOpenFilesIsRaisedAsFarAsItMay(t *testing.T) {
	var before, after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = before.Max - 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	got, err := raiseFileLimit()
	unix.Getrlimit(unix.RLIMIT_NOFILE, &after)
	if err != nil || got != uint64(before.Max) || after.Cur != before.Max {
		t.Errorf("got %d, %d set and %v, want the most that there may be, %d", got, after.Cur, err, before.Max)
	}
}

func TestNoMoreClientsAreLetInThanThereAreFilesFor(t *testing.T) {
	a, _ := resting(t)
	a.fileLimit = 1024
	c := twoNodes("")
	most := a.share(c).clients
	f := func(configured, want int) {
		t.Helper()
		c.Limits.MaxClients = configured
		got := a.proxyOptions(c)
		if got.Limits.MaxClients != want || got.MaxConnections != a.share(c).connectionsFor(want) {
			t.Errorf("with max_clients %d: got %d clients and %d connections, want %d clients", configured, got.Limits.MaxClients, got.MaxConnections, want)
		}
	}
	f(0, most)
	f(10, 10)
	f(most, most)
	f(most+1, most)
}

func TestTheLogSaysWhenThereAreTooFewFiles(t *testing.T) {
	a, _ := resting(t)
	core, logs := observer.New(zap.WarnLevel)
	a.log = zap.New(core)
	c := twoNodes("")
	f := func(limit uint64, clients func(share) int, want ...string) {
		t.Helper()
		a.fileLimit = limit
		c.Limits.MaxClients = clients(a.share(c))
		a.noteLimit(c)
		got := logs.TakeAll()
		if len(got) != len(want) || len(got) > 0 && !strings.HasPrefix(got[0].Message, want[0]) {
			t.Errorf("with %d open files and %d clients: got %v, want %q", limit, c.Limits.MaxClients, got, want)
		}
	}
	allowed := func(s share) int { return s.clients }
	f(1<<16, allowed)
	f(1<<16, func(s share) int { return s.clients + 1 }, "limits.max_clients is more than")
	f(100, allowed, "the limit of open files is very low")
	f(uint64(a.share(c).own+4*operatorFiles), allowed)
	f(uint64(a.share(c).own+4*operatorFiles-4), allowed, "the limit of open files is very low")
}
