package relay

import (
	"crypto/tls"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"syscall"
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

// BenchmarkRoundTrip sends 100 bytes to the node and back, over TCP.
func BenchmarkRoundTrip(b *testing.B) {
	eachEngine(b, func(b *testing.B, l legs) {
		engine := l.newEngine()
		clientFar, client := l.clientLeg(b)
		nodeFar, node := l.nodeLeg(b)
		engine.Start(benchPair(client, node))
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
	})
}

// BenchmarkIdle tells what a relay costs that has passed one message each way
// and rests: the heap, and the goroutines' stacks.
func BenchmarkIdle(b *testing.B) {
	eachEngine(b, func(b *testing.B, l legs) {
		const relays = 500
		for b.Loop() {
			b.ReportMetric(idleCost(b, l, relays), "B/relay")
		}
	})
}

func idleCost(b *testing.B, l legs, relays int) float64 {
	engine := l.newEngine()
	before := inUse()
	var far []int
	message := binaryOf(unmasked, 100)
	for range relays {
		clientFar, client := l.clientLeg(b)
		nodeFar, node := l.nodeLeg(b)
		engine.Start(benchPair(client, node))
		nodeFar.Write(message)
		if _, err := io.ReadFull(clientFar, make([]byte, len(message))); err != nil {
			b.Fatal(err)
		}
		far = append(far, bare(b, clientFar), bare(b, nodeFar))
	}
	cost := float64(inUse()-before) / float64(relays)
	for _, fd := range far {
		syscall.Close(fd)
	}
	engine.Wait()
	return cost
}

// bare leaves of a connection nothing but a descriptor.
func bare(b *testing.B, conn net.Conn) (fd int) {
	b.Helper()
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	tcp := conn.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	if err := raw.Control(func(old uintptr) { fd, err = syscall.Dup(int(old)) }); err != nil {
		b.Fatal(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	tcp.Close()
	return fd
}

// inUse is the memory that garbage collection leaves.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func benchPair(client, node net.Conn) Pair {
	return Pair{
		Client: client, Node: node, Owner: new(owner),
		Options: Options{Stall: patience, Close: patience},
	}
}

func eachEngine(b *testing.B, f func(*testing.B, legs)) {
	for _, engine := range []struct {
		name string
		make func() Engine
	}{{"Best", newBest}, {"Portable", NewPortable}} {
		all := layouts(b, engine.make)
		for _, kind := range slices.Sorted(maps.Keys(all)) {
			b.Run(engine.name+"/"+kind, func(b *testing.B) { f(b, all[kind]) })
		}
	}
}
