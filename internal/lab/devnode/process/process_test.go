package process

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"fermata/internal/lab/devnode"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	Become()
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, flags ...string) *Process {
	t.Helper()
	p, err := Start(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func connect(t *testing.T, p *Process) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, p.URL()+"/app/"+devnode.DefaultAppKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return ws
}

func read(t *testing.T, ws *websocket.Conn) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, raw, err := ws.Read(ctx)
	return string(raw), err
}

func TestProcessesShareABus(t *testing.T) {
	bus, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	a, b := start(t, "-bus", bus.Addr()), start(t, "-bus", bus.Addr(), "-name", "b")
	ws := connect(t, b)
	read(t, ws)
	ws.Write(t.Context(), websocket.MessageText, []byte(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
	read(t, ws)
	publish(t, a, `{"name":"said","channel":"news","data":"hello"}`)
	if got, err := read(t, ws); err != nil || !strings.Contains(got, `"said"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

func publish(t *testing.T, p *Process, body string) {
	t.Helper()
	path := "/apps/" + devnode.DefaultAppID + "/events"
	query := devnode.Sign("POST", path, nil, []byte(body), devnode.DefaultAppKey, devnode.DefaultAppSecret)
	response, err := http.Post(p.URL()+path+"?"+query.Encode(), "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("got %s", response.Status)
	}
}

func TestSIGTERMIsABareFINAndStatusZero(t *testing.T) {
	p := start(t)
	ws := connect(t, p)
	read(t, ws)
	if err := p.Terminate(); err != nil {
		t.Errorf("got %v, want status 0", err)
	}
	if _, err := read(t, ws); err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("got %v, want an end without a Close frame", err)
	}
}

func TestAStoppedProcessTakesConnectionsAndAnswersWhenItGoesOn(t *testing.T) {
	p := start(t)
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	c, err := net.DialTimeout("tcp", p.Address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("got %v, want silence", err)
	}
	if err := p.Thaw(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), `{"health":"OK"}`) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAKilledProcessIsGone(t *testing.T) {
	p := start(t)
	ws := connect(t, p)
	read(t, ws)
	p.Kill()
	if _, err := read(t, ws); err == nil {
		t.Error("got a message, want the end")
	}
	<-p.Exited()
}

func TestWrongFlagsAreAnError(t *testing.T) {
	if p, err := Start("-nonsense"); err == nil {
		p.Kill()
		t.Error("it started")
	}
}
