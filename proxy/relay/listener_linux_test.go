package relay

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// An accept needs a descriptor for the connection and, when there is nothing else for
// its shard, three for that. Nobody is lost by it.
func TestAnAcceptWithoutDescriptorsIsTriedAgain(t *testing.T) {
	if !alone(t) {
		return
	}
	for spare := range 4 {
		engine := New(1)
		l := listen(t, engine, nil)
		far := dialTo(t, l)
		leaveDescriptors(t, spare)
		_, err := l.Accept()
		raiseDescriptors(t)
		if !errors.Is(err, syscall.EMFILE) || !servesOn(err) {
			t.Errorf("%d spare descriptors: got %v, want too many open files, after which http.Server goes on", spare, err)
		}
		near, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		near.Close()
		far.Close()
		l.Close()
		engine.Wait()
	}
}

// Descriptors are not all that can run out: these come from accept4, epoll_ctl
// and the like, whenever the kernel likes.
func TestNoShortageOfAnAcceptEndsAServer(t *testing.T) {
	l := &listener{address: &net.TCPAddr{}}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC, syscall.EPERM, syscall.ENETDOWN} {
		if err := l.failure(os.NewSyscallError("epoll_ctl", errno)); !errors.Is(err, errno) || !servesOn(err) {
			t.Errorf("got %v, want an error after which http.Server goes on", err)
		}
	}
}

// servesOn is what http.Server.Serve asks of an error of Accept, in its words.
func servesOn(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Temporary() //lint:ignore SA1019 http.Server asks this
}

func TestAServerOutOfDescriptorsServesAgainWhenThereAreSome(t *testing.T) {
	if !alone(t) {
		return
	}
	for spare := range 4 {
		engine := New(1)
		l := listen(t, engine, nil)
		failed := make(chan string, 100)
		server := &http.Server{
			Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }),
			ErrorLog: log.New(lines(failed), "", 0),
		}
		ended := make(chan error, 1)
		first := dialTo(t, l)
		leaveDescriptors(t, spare)
		go func() { ended <- server.Serve(l) }()
		if line := <-failed; !strings.Contains(line, "too many open files; retrying") {
			t.Errorf("%d spare descriptors: got %q, want that it tries again", spare, line)
		}
		raiseDescriptors(t)
		first.Close()
		far := dialTo(t, l)
		io.WriteString(far, "GET / HTTP/1.0\r\n\r\n")
		if answer, err := io.ReadAll(far); !strings.HasSuffix(string(answer), "served") {
			t.Errorf("%d spare descriptors: got %q, %v, want an answer", spare, answer, err)
		}
		server.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("%d spare descriptors: got %v, want a server that was closed", spare, err)
		}
		far.Close()
		engine.Wait()
	}
}

// lines is a log, line by line.
type lines chan<- string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default: // nobody wants to know any more
	}
	return len(line), nil
}

func TestAClosedListenerEndsItsAccept(t *testing.T) {
	l := listen(t, New(1), nil)
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) || servesOn(err) {
		t.Errorf("got %v, want net.ErrClosed, after which http.Server does not go on", err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}
