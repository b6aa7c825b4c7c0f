package relay

import (
	"fmt"
	"net"
)

// Replace implements Relay.
func (c *epollRelay) Replace(r Replacement) {
	if err := c.shard.surely(func() { c.replace(r) }); err != nil {
		r.refuse(err)
	}
}

func (c *epollRelay) replace(r Replacement) {
	defer c.survive()
	err := c.irreplaceable()
	var node leg
	if err == nil {
		node, err = c.shard.takeLeg(r.Node)
	}
	if err != nil {
		r.refuse(err)
		return
	}
	c.changeNode(node, r.Counts)
	r.Done(nil)
	c.tellClient(r.ToClient)
	c.replay(r.Rest)
	c.tellNode(r.ToNode)
	c.readAhead(&c.node)
	c.active()
	c.proceed()
}

// Why a node cannot be replaced now.
var (
	errInsideClient = fmt.Errorf("%w from the client", ErrUnderWay)
	errInsideNode   = fmt.Errorf("%w from the node", ErrUnderWay)
)

// irreplaceable is why the node cannot be replaced; nil: it can.
func (c *epollRelay) irreplaceable() error {
	switch {
	case c.ended, c.ending.by != "":
		return errEnded
	case c.isDetached():
		return errDetached
	case c.toNode.open, c.toNode.inside:
		return errInsideClient
	case c.toClient.open, c.toClient.inside:
		return errInsideNode
	}
	return nil
}

// takeLeg makes a leg of a connection to a node.
func (s *shard) takeLeg(conn net.Conn) (leg, error) {
	of, err := layersOf(conn)
	if err != nil {
		return leg{}, err
	}
	c, err := s.adopt(of.tcp)
	if err != nil {
		return leg{}, err
	}
	closeOther(of.tcp, c)
	fd := c.take()
	if fd < 0 {
		return leg{}, net.ErrClosed
	}
	return leg{fd: fd, watched: c.moveTo(s, fd), secure: of.handOver(s)}, nil
}

// changeNode gives the relay its new node. A frame of the client that is not
// whole yet goes there, one of the old node nowhere.
func (c *epollRelay) changeNode(node leg, counts *Counts) {
	c.node.close(&c.shard.wire)
	c.node, c.counts = node, counts
	c.toClient.gate, c.toClient.held = gate{follower: newFollower(unmasked, 0)}, nil
	c.heldBy, c.ending.held = 0, nil
	c.remember(nil)
	if c.rare != nil {
		c.rare.move, c.rare.hearing = nil, nil
	}
}

// tellClient sends the client text messages of ours. Nothing may have left in part.
func (c *epollRelay) tellClient(texts [][]byte) {
	var frames []byte
	for _, text := range texts {
		frames = appendText(frames, unmasked, text)
	}
	if err := c.forward(&c.toClient, &c.client, &c.shard.toClient, frames, len(texts)); err != nil {
		c.clientRefuses(err)
	}
}
