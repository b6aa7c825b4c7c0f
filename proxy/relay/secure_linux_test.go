package relay

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// sealedNode is a rig with TLS to both, whose node's records the test makes itself.
func sealedNode(t *testing.T) (r *rig, s *sealer, far net.Conn) {
	t.Helper()
	var log bytes.Buffer
	config := tlsConfig(t)
	l := legs{newEngine: newBest, tls: config, nodeTLS: config.Clone()}
	l.nodeTLS.KeyLogWriter = &log
	l.nodeTLS.SessionTicketsDisabled = true // which would be records of its own
	r = l.start(t, nil)
	server := r.node.(*tls.Conn)
	return r, sealerOf(t, server, &log, "SERVER_TRAFFIC_SECRET_0"), server.NetConn()
}

// Both legs share one wire. What crypto/tls answers to the node must not reach the
// client, whose connection would end by it.
func TestAKeyUpdateOfTheNodeIsAnsweredToTheNode(t *testing.T) {
	r, s, far := sealedNode(t)
	for range 3 {
		send(t, far, join(s.seal(dataRecord, text(unmasked, "before")), s.keyUpdate(), s.seal(dataRecord, text(unmasked, "behind"))))
		r.clientGets(text(unmasked, "before"), text(unmasked, "behind"))
		r.clientSends(text(masked, "under the next key"))
		r.nodeGets(text(masked, "under the next key"))
	}
}

// A record that is cut is a node that is lost, and what came before it counts.
func TestACutRecordOfTheNodeIsALostNode(t *testing.T) {
	r, s, far := sealedNode(t)
	whole, cut := s.seal(dataRecord, text(unmasked, "whole")), s.seal(dataRecord, text(unmasked, "cut"))
	send(t, far, join(whole, cut[:len(cut)/2]))
	r.clientGets(text(unmasked, "whole"))
	far.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
	r.wantEnd(ByNodeLost, lostClose.Code)
}

// A node that asks for key after key and reads nothing is not read for ever.
func TestKeyUpdatesOfANodeDoNotFillTheMemory(t *testing.T) {
	r, s, far := sealedNode(t)
	go io.Copy(io.Discard, r.client)
	most := 0
	_ = far.SetWriteDeadline(time.Now().Add(time.Second)) // it is stuck by then
	for {
		var flood []byte
		for range 100 {
			flood = append(flood, s.keyUpdate()...)
			flood = append(flood, s.seal(dataRecord, text(unmasked, "x"))...)
		}
		if _, err := far.Write(flood); err != nil {
			break
		}
		_, node := queues(r)
		most = max(most, node)
	}
	if most > 2*maxQueue {
		t.Errorf("%d bytes waited for the node, want about %d at most", most, maxQueue)
	}
	r.client.Close()
}

// What the node has sent behind what was read of it may be in crypto/tls already.
func TestWhatTLSHasReadOfTheNodeBeforeTheStartIsNotLost(t *testing.T) {
	l := layouts(t, newBest)["TLS to both"]
	far, near := l.nodeLeg(t)
	first, second := text(unmasked, "first"), text(unmasked, "second")
	send(t, far, join(first, second)) // one record
	early := make([]byte, 4)
	if _, err := io.ReadFull(near, early); err != nil {
		t.Fatal(err)
	}
	r := l.start(t, func(p *Pair) {
		p.Node.Close() // not that one
		p.Node, p.ToClient = near, early
	})
	r.clientGets(first, second)
	far.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
}
