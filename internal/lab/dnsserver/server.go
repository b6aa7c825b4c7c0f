// Package dnsserver is a small DNS server on loopback, for tests.
package dnsserver

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers for a few names. Its methods may be called concurrently.
type Server struct {
	conn net.PacketConn

	mu      sync.Mutex
	names   map[string][]netip.Addr // with a dot at the end
	failure dnsmessage.RCode        // RCodeSuccess: none
	asked   int
	more    chan struct{} // closed at the next question
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{conn: conn, names: make(map[string][]netip.Addr), more: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return s
}

// Set makes these the addresses of a host.
func (s *Server) Set(host string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[host+"."] = nil
	for _, a := range addresses {
		s.names[host+"."] = append(s.names[host+"."], netip.MustParseAddr(a))
	}
}

// Fail answers each question with this; RCodeSuccess ends that.
func (s *Server) Fail(code dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = code
}

// Asked returns once it was asked so many more questions.
func (s *Server) Asked(more int) {
	s.mu.Lock()
	until := s.asked + more
	for s.asked < until {
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
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *Server) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(packet[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		answer := s.answer(question)
		if text, err := answer.Pack(); err == nil {
			s.conn.WriteTo(text, from)
		}
	}
}

func (s *Server) answer(m dnsmessage.Message) dnsmessage.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	close(s.more)
	s.more = make(chan struct{})
	m.Response, m.Authoritative, m.RCode, m.Additionals = true, true, s.failure, nil
	q := m.Questions[0]
	addresses, known := s.names[q.Name.String()]
	if !known && m.RCode == dnsmessage.RCodeSuccess {
		m.RCode = dnsmessage.RCodeNameError
	}
	if m.RCode != dnsmessage.RCodeSuccess {
		return m
	}
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	for _, a := range addresses {
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m
}
