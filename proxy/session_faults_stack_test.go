package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
)

func TestAClientThatSubscribesWithoutEndIsClosedAsBefore(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen+"session: {max_subscriptions: 10}\n")
		c := s.subscribe("news")
		its, other := s.of(c.Node)
		end := s.stream(other)
		held := s.midway(c.Node)
		for i := range 20 { // waits until it has moved
			c.say("pusher:subscribe", map[string]string{"channel": fmt.Sprint("more-", i)})
		}
		held.open()
		s.wantOutcome(c.Node, 1)
		c.wait("all answers", func(all []devnodeMessage) bool {
			return count(all, "pusher_internal:subscription_succeeded", "more-19") == 1
		})
		c.wantAll(end())
		s.WaitMetric(fmt.Sprintf(`fermata_session_subscriptions{app=%q,kind="public"} 0`, devnode.DefaultAppKey))
		s.Undrain(its.name)
		s.Drain(other.name, admin.DrainRequest{})
		c.wantClosed(4200)
		s.wantOutcome(other.name, 0, moves.NotTracked)
		s.wantResults("moved", moves.NotTracked)
		s.wantNothingLeft()
	})
}

func TestAClientInsideOfALargeMessageIsNotMoved(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		s := newStageOf(t, twoOn(t, apptest.StartBus(t)), apptest.Even+quiet+known+listen+sudden)
		w, node := s.rude()
		w.Send("\x81\xff\x00\x00\x00\x00\x00\x01\x86\xa0\x00\x00\x00\x00" + strings.Repeat("x", 50_000))
		s.Drain(node, admin.DrainRequest{})
		if opcode, payload := w.Frame(); opcode != 8 || !strings.HasPrefix(payload, "\x10\x68") {
			t.Errorf("got the frame %d %q, want a Close frame 4200", opcode, payload)
		}
		w.Close()
		s.wantOutcome(node, 0, moves.Timeout)
		s.wantResults(moves.Timeout)
		s.wantNothingLeft()
	})
}

func TestAClientThatStopsInsideOfAMessageEndsItElsewhere(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		w, node := s.rude()
		ping := apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`)
		w.Send(ping[:9])
		held := s.midway(node)
		w.Send(ping[9:20])
		held.open()
		s.wantOutcome(node, 1)
		w.Send(ping[20:])
		if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
			t.Errorf("got %s, want the new node's pusher:pong", payload)
		}
		w.Close()
		s.wantResults("moved")
		s.wantNothingLeft()
	})
}

func TestAClientThatClosesInAMoveIsAnswered(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		w, node := s.rude()
		held := s.midway(node)
		w.Send("\x88\x82\x00\x00\x00\x00\x03\xe8")
		held.open()
		if opcode, payload := w.Frame(); opcode != 8 || payload != "\x03\xe8" {
			t.Errorf("got the frame %d %q, want the Close frame 1000", opcode, payload)
		}
		w.Close()
		s.wantOutcome(node, 1)
		if line := s.Logs.Wait(t, "client closed"); line["by"] != "client" || line["code"] != 1000.0 || line["moves"] != 1.0 {
			t.Errorf("got %v, want it closed by the client with 1000, after a move", line)
		}
		s.wantNothingLeft()
	})
}

func TestAClientThatIsCutInAMoveLeavesNothingBehind(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		w, node := s.rude()
		held := s.midway(node)
		reset(w.Conn)
		held.open() // nobody reads it before
		if line := s.Logs.Wait(t, "client closed"); line["by"] != "client" {
			t.Errorf("got %v, want it ended by the client", line)
		}
		s.wantOutcome(node, 1)
		s.wantNothingLeft()
	})
}

func TestAClientThatSendsGarbageInAMoveIsClosedForThat(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		w, node := s.rude()
		held := s.midway(node)
		w.Send(strings.Repeat("\xff", 100))
		held.open()
		if opcode, payload := w.Frame(); opcode != 8 || !strings.HasPrefix(payload, "\x03\xea") {
			t.Errorf("got the frame %d %q, want a Close frame 1002", opcode, payload)
		}
		w.Close()
		s.wantOutcome(node, 1)
		s.wantNothingLeft()
	})
}

func TestALargeMessageInAMoveArrivesElsewhere(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		nodes := twoOn(t, apptest.StartBus(t))
		s := newStageOf(t, nodes, apptest.Even+quiet+known+listen)
		c := s.subscribe("private-orders")
		other := s.subscribe("private-orders")
		held := s.midway(c.Node)
		text := fmt.Sprintf(`{"event":"client-large","channel":"private-orders","data":{"text":%q}}`, strings.Repeat("x", 100_000))
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		held.open()
		other.wait("the large message", func(all []devnodeMessage) bool { return count(all, "client-large", "private-orders") == 1 })
		s.wantOutcome(c.Node, 1)
		s.Undrain(c.Node)
		s.Drain(other.Node, admin.DrainRequest{})
		c.wantClosed(4200) // as nobody could read what it has sent
		s.wantOutcome(other.Node, 1, moves.NotTracked)
		other.leave()
		s.wantResults("moved", "moved", moves.NotTracked)
		s.wantNothingLeft()
	})
}
