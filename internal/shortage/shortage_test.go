package shortage

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
)

func TestOnlyWhatIsOursIsAShortage(t *testing.T) {
	f := func(errno syscall.Errno, want string) {
		t.Helper()
		err := fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)})
		if got := Of(err); got != want {
			t.Errorf("%v: got %q, want %q", errno, got, want)
		}
	}
	f(syscall.EMFILE, Files)
	f(syscall.ENFILE, Files)
	f(syscall.EADDRNOTAVAIL, Ports)
	f(syscall.ENOBUFS, Memory)
	f(syscall.ENOMEM, Memory)
	f(syscall.ENOSPC, Memory) // of epoll_ctl
	for _, theirs := range []syscall.Errno{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT, syscall.ECONNRESET} {
		f(theirs, "")
	}
}

// The net package calls ENOBUFS and ENOMEM for good.
func TestAListenerShortOfMemoryIsNotTheEndOfItsServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failing := &failing{Listener: l, errs: []error{
		&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENOBUFS)},
		&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENOMEM)},
	}}
	var told []error
	server := http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(Listener(failing, func(err error) { told = append(told, err) })) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	server.Close()
	if err := <-ended; err != http.ErrServerClosed || len(told) != 2 {
		t.Errorf("got %v, told of %v, want a server that was closed, and both errors", err, told)
	}
}

// failing is a listener that fails at first.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}
