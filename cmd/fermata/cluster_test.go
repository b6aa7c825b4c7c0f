package main

import (
	"bufio"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/redisserver"
)

// edges are two members of a cluster in front of the same three nodes, with their
// Redis.
func edges(t *testing.T) (first, second *apptest.Stack, redis *redisserver.Server) {
	t.Helper()
	redis = redisserver.New(t, redisserver.Options{})
	_, urls := apptest.StartNodes(t, 3)
	edge := func(name string) *apptest.Stack {
		return apptest.NewFront(t, urls, quickChecks+fmt.Sprintf("cluster: {redis: %q, secret: a secret of all members, member: %s}\n", "redis://"+redis.Address(), name))
	}
	first, second = edge("edge-1"), edge("edge-2")
	for _, s := range []*apptest.Stack{first, second} {
		s.Eventually("both are in the cluster", func() bool { return len(nodesOf(s).Cluster.Members) == 2 })
	}
	return first, second, redis
}

func nodesOf(s *apptest.Stack) admin.NodeList {
	s.T.Helper()
	list, err := s.API().Nodes(s.T.Context(), false)
	if err != nil {
		s.T.Fatal(err)
	}
	return list
}

func TestACommandOnOneMemberIsForAllOfThem(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	first, second, _ := edges(t)
	first.Visit(6)
	second.Visit(6)
	second.Eventually("all clients are known", func() bool {
		knows := true
		for _, m := range nodesOf(second).Cluster.Members {
			knows = knows && m.Clients == 6
		}
		return knows && second.NodesNow()["reverb-1"].Connections == 4
	})
	wantCLI(second, exitDone, "edge-1             6        ready", "", "status")
	wantCLI(second, exitDone, "reverb-1  up      ready  2/950", "", "status", "--local")
	wantCLI(first, exitDone, "reverb-1 is drained; 4 closed: without a session\n", "", "drain", "reverb-1", "--wait")
	wantCLI(second, exitDone, "\nThis is edge-2 alone, of the cluster default.\n", "", "status", "--local")
	wantCLI(second, exitDone, "reverb-2 is drained; 6 closed: without a session\n", "", "drain", "reverb-2", "--wait")
	wantCLI(first, exitRefused, "", "it is the last usable node (--force drains it all the same)", "drain", "reverb-3")
	wantCLI(second, exitDone, "reverb-1 is ready, health up\n", "", "undrain", "reverb-1")
	first.Eventually("it is ready there, too", func() bool { return first.NodesNow()["reverb-1"].State == admin.StateReady })
}

func TestARollInAClusterIsTheOnlyOneAndCanBeEndedAnywhere(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	first, second, _ := edges(t)
	dir := t.TempDir()
	running, goOn := fifo(t, filepath.Join(dir, "running")), fifo(t, filepath.Join(dir, "go"))
	defer running.Close()
	defer goOn.Close()
	type result struct {
		code   int
		errOut string
	}
	done := make(chan result, 1)
	go func() {
		code, _, errOut := cli(first, "roll", "reverb-1", "reverb-2", "--exec", fmt.Sprintf("echo > %s; read x < %s", running.Name(), goOn.Name()))
		done <- result{code, errOut}
	}()
	bufio.NewReader(running).ReadString('\n')
	second.Eventually("the roll is known", func() bool { return second.NodesNow()["reverb-2"].Avoided })
	wantCLI(second, exitRefused, "", "another roll is run by "+runner()+", and has still to do reverb-1, reverb-2: ", "roll", "--exec", "true")
	wantCLI(second, exitDone, "the roll that "+runner()+" runs is ended; it had still to do reverb-1, reverb-2\n", "", "roll", "--cancel")
	fmt.Fprintln(goOn)
	if got := <-done; got.code != exitRefused || !strings.Contains(got.errOut, "the roll is not run from here any more: it was ended by somebody else") {
		t.Errorf("got exit %d, %s, want that it was ended", got.code, got.errOut)
	}
	if got := first.NodesNow()["reverb-1"].State; got != admin.StateDrained {
		t.Errorf("got %s, want it left as it was", got)
	}
	wantCLI(second, exitDone, "reverb-1: done, 1 of 1\n", "", "roll", "reverb-1", "--exec", "true")
}

func TestWithoutItsRedisAMemberDrainsLocallyAndTheOthersFollow(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	first, second, redis := edges(t)
	first.Visit(6)
	second.Visit(6)
	first.Eventually("all clients are known", func() bool { return first.NodesNow()["reverb-1"].Connections == 4 })
	redis.Kill()
	first.Eventually("Redis is missed", func() bool { return nodesOf(first).Cluster.Away != "" })
	wantCLI(first, exitDone, "\nRedis cannot be reached since ", "", "status")
	wantCLI(first, exitFailed, "", "(with --local it is done on this member alone, and on the others once Redis is back)", "drain", "reverb-1")
	code, out, errOut := cli(first, "drain", "reverb-1", "--local", "--wait")
	// It is the drain of two in each line; some may have been told as it is begun.
	want := regexp.MustCompile(`\A(reverb-1: [12] of 2 left, 100/s(; [12] closed: without a session)?\n)+reverb-1 is drained; 2 closed: without a session\n\z`)
	if code != exitDone || !want.MatchString(out) {
		t.Errorf("drain: got exit %d\n%s%s\nwant %s", code, out, errOut, want)
	}
	if got := second.NodesNow()["reverb-1"].State; got != admin.StateReady {
		t.Errorf("edge-2: got %s, want it not told yet", got)
	}
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	second.Eventually("it follows", func() bool { return second.NodesNow()["reverb-1"].State == admin.StateDrained })
}
