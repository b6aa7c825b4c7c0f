package relay

import (
	"io"
	"testing"
)

func BenchmarkFollower(b *testing.B) {
	f := func(name string, stream []byte) {
		b.Run(name, func(b *testing.B) {
			f := newFollower(unmasked, 0)
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				if boundary, _, err := f.follow(stream); boundary != len(stream) || err != nil {
					b.Fatal(boundary, err)
				}
			}
		})
	}
	f("100B", binaryOf(unmasked, 100))
	f("1kB", binaryOf(unmasked, 1000))
	f("64kB", binaryOf(unmasked, 64<<10))
}

// BenchmarkPlainRoundTrip sends 100 bytes to the node and back, over TCP.
func BenchmarkPlainRoundTrip(b *testing.B) {
	clientFar, client := tcpLeg(b)
	nodeFar, node := tcpLeg(b)
	engine := NewPlain()
	engine.Start(Pair{
		Client: client, Node: node, Done: func(End) {},
		Options: Options{Stall: patience, Close: patience},
	})
	up, down := binaryOf(masked, 100), binaryOf(unmasked, 100)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for got := make([]byte, len(up)); ; {
			if _, err := io.ReadFull(nodeFar, got); err != nil {
				return
			}
			nodeFar.Write(down)
		}
	}()
	b.ReportAllocs()
	for got := make([]byte, len(down)); b.Loop(); {
		clientFar.Write(up)
		if _, err := io.ReadFull(clientFar, got); err != nil {
			b.Fatal(err)
		}
	}
	clientFar.Close()
	nodeFar.Close()
	<-answered
	engine.Wait()
}
