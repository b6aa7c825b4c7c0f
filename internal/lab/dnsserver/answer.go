package dnsserver

import "golang.org/x/net/dns/dnsmessage"

// mostInPacket is what the net package asks for over UDP.
const mostInPacket = 1232

// answer is the one to a question; nil: none. One that is longer than that says
// only so, and is asked for over TCP then.
func (s *Server) answer(question []byte, most int) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	m.Answers, m.RCode = s.find(m.Questions[0])
	text, err := m.Pack()
	if err == nil && len(text) > most {
		m.Answers, m.Truncated = nil, true
		text, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return text
}

// count counts a question, and returns whether it is to be answered now.
func (s *Server) count(p packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	close(s.more)
	s.more = make(chan struct{})
	if s.silent {
		s.held = append(s.held, p)
	}
	return !s.silent
}

func (s *Server) find(q dnsmessage.Question) (found []dnsmessage.Resource, code dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeALL, q.Type} {
		if code := s.failures[kind]; code != dnsmessage.RCodeSuccess {
			return nil, code
		}
	}
	add := func(body dnsmessage.ResourceBody) {
		found = append(found, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: body})
	}
	addresses, isHost := s.names[q.Name.String()]
	for _, a := range addresses {
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			add(&dnsmessage.AResource{A: a.As4()})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			add(&dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	services, isService := s.services[q.Name.String()]
	for _, r := range services {
		if q.Type == dnsmessage.TypeSRV {
			add(&dnsmessage.SRVResource{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dnsmessage.MustNewName(r.Target + ".")})
		}
	}
	if !isHost && !isService {
		return nil, dnsmessage.RCodeNameError
	}
	return found, dnsmessage.RCodeSuccess
}
