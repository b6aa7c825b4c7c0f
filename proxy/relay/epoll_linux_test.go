package relay

import "testing"

func TestEpoll(t *testing.T) {
	testEngine(t, func() Engine { return epollAlone{t, NewEpoll(2).(*Epoll)} })
}

// epollAlone is an Epoll that must not fall back on Plain.
type epollAlone struct {
	t *testing.T
	*Epoll
}

func (e epollAlone) Start(p Pair) Conn {
	conn, err := e.start(p)
	if err != nil {
		e.t.Error(err)
	}
	return conn
}
