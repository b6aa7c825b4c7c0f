// Package dnsserver is a small DNS server on loopback, for tests.
package dnsserver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers for a few names, over UDP, and over TCP what is too long for
// that. Its methods may be called concurrently.
type Server struct {
	packets net.PacketConn
	streams net.Listener

	mu       sync.Mutex
	names    map[string][]netip.Addr // with a dot at the end
	services map[string][]SRV
	failures map[dnsmessage.Type]dnsmessage.RCode // TypeALL: for all
	silent   bool
	held     []packet // questions that have no answer because of that
	asked    int
	more     chan struct{} // closed at the next question
}

// SRV is one such record.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // without a dot at the end
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(s.Serve)
	t.Cleanup(running.Wait)
	t.Cleanup(s.Close)
	return s
}

// Listen makes a server at an address. The caller has it Serve, until Close.
func Listen(address string) (*Server, error) {
	streams, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	packets, err := net.ListenPacket("udp", streams.Addr().String())
	if err != nil {
		streams.Close()
		return nil, err
	}
	return &Server{
		packets: packets, streams: streams, names: make(map[string][]netip.Addr), services: make(map[string][]SRV),
		failures: make(map[dnsmessage.Type]dnsmessage.RCode), more: make(chan struct{}),
	}, nil
}

// Close ends it. Nobody waits for an answer then.
func (s *Server) Close() {
	s.Silence(false)
	s.packets.Close()
	s.streams.Close()
}

// Address is HOST:PORT, over UDP and TCP.
func (s *Server) Address() string { return s.streams.Addr().String() }

// Set makes these the addresses of a host.
func (s *Server) Set(host string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[host+"."] = nil
	for _, a := range addresses {
		s.names[host+"."] = append(s.names[host+"."], netip.MustParseAddr(a))
	}
}

// SetSRV makes these the SRV records of a name.
func (s *Server) SetSRV(name string, records ...SRV) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[name+"."] = records
}

// Fail answers each question with this; RCodeSuccess ends that.
func (s *Server) Fail(code dnsmessage.RCode) { s.FailFor(dnsmessage.TypeALL, code) }

// FailFor does so with questions of one type.
func (s *Server) FailFor(questions dnsmessage.Type, code dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[questions] = code
}

// packet is a question over UDP.
type packet struct {
	text []byte
	from net.Addr
}

// Silence gives no answers any more, or again, those that are due with them.
func (s *Server) Silence(silent bool) {
	s.mu.Lock()
	held := s.held
	s.silent, s.held = silent, nil
	s.mu.Unlock()
	for _, p := range held {
		s.reply(p)
	}
}

// Asked returns once it was asked so many more questions.
func (s *Server) Asked(more int) {
	s.mu.Lock()
	until := s.asked + more
	s.mu.Unlock()
	s.AskedInAll(until)
}

// AskedInAll returns once it was asked so many questions since its start.
func (s *Server) AskedInAll(questions int) {
	s.mu.Lock()
	for s.asked < questions {
		grown := s.more
		s.mu.Unlock()
		<-grown
		s.mu.Lock()
	}
	s.mu.Unlock()
}

// Lookup asks this server alone.
func (s *Server) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return s.Resolver().LookupNetIP(ctx, "ip", host+".") // not below the machine's own domain
}

// Resolver asks this server alone.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.streams.Addr().String())
	}}
}

// Serve answers until Close.
func (s *Server) Serve() {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(s.serveStreams)
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		s.reply(packet{slices.Clone(buffer[:n]), from})
	}
}

func (s *Server) reply(p packet) {
	if s.count(p) {
		s.packets.WriteTo(s.answer(p.text, mostInPacket), p.from)
	}
}

// serveStreams takes one question of each connection, as the net package sends it.
func (s *Server) serveStreams() {
	for {
		conn, err := s.streams.Accept()
		if err != nil {
			return
		}
		var length uint16
		question := make([]byte, 1500)
		if binary.Read(conn, binary.BigEndian, &length) == nil && int(length) <= len(question) {
			if _, err := io.ReadFull(conn, question[:length]); err == nil {
				text := s.answer(question[:length], 1<<16-1)
				conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
			}
		}
		conn.Close()
	}
}
