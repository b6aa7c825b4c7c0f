package app

import "testing"

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
