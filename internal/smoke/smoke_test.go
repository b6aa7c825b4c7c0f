package smoke_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/port"
	"fermata/internal/smoke"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var names = []string{
	"resolve+connect", "tls", "http", "upgrade", "connection_established", "ping", "pin", "event", "clean close",
}

func TestEveryPromiseOfAWorkingStackIsHeld(t *testing.T) {
	o := startStack(t, 3).options()
	o.Nodes, o.ExpectCookie = 3, true
	report, err := smoke.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range report.URLs[0].Cases {
		if c.Name != names[i] || c.Result != smoke.Pass {
			t.Errorf("got %s %s (%s), want %s to pass", c.Name, c.Result, c.Text(), names[i])
		}
	}
	if !report.OK() {
		t.Error("got a report that is not OK")
	}
	wantDetail(t, byName(report.URLs[0])["event"], "3 nodes")
}

func TestAllNodesThatShowUpCountWhenTheirNumberIsNotGiven(t *testing.T) {
	wantDetail(t, run(t, startStack(t, 2).options())["event"], "at 16 clients on 2 nodes")
}

func TestPlainURLsSkipTLS(t *testing.T) {
	s := startStack(t, 1)
	o := s.options()
	o.URLs = []string{"ws://" + s.nodes[0].Addr().String()}
	cases := run(t, o)
	wantSkipped(t, cases["tls"], "no TLS")
	wantSkipped(t, cases["pin"], "no cookie")
	wantDetail(t, cases["event"], "no cookie tells apart")
}

func TestWithoutASecretNothingIsPublished(t *testing.T) {
	o := startStack(t, 1).options()
	o.AppID, o.Secret = "", ""
	wantSkipped(t, run(t, o)["event"], "no app id and secret")
}

func TestAPathPrefixIsKept(t *testing.T) {
	s := startStackWith(t, 1, devnode.Options{Prefix: "/reverb"})
	o := s.options()
	before := o.URLs[0]
	for _, prefix := range []string{"/reverb", "/reverb/"} {
		o.URLs[0] = before + prefix
		wantOnlyFailure(t, run(t, o), "")
	}
}

func TestAnAppWithAllowedOriginsNeedsOne(t *testing.T) {
	s := startStackWith(t, 2, devnode.Options{AllowedOrigins: []string{"*.example.com"}})
	o := s.options()
	o.AppID, o.Secret = "", "" // these nodes share no bus
	wantFailure(t, run(t, o)["connection_established"], "4009", "--origin")
	o.Origin = "https://app.example.com"
	wantOnlyFailure(t, run(t, o), "")
	o.Origin = "https://app.example.org"
	wantFailure(t, run(t, o)["connection_established"], "4009", "--origin")
}

func TestAClosedPortFailsConnectAndSkipsTheRest(t *testing.T) {
	cases := run(t, smoke.Options{URLs: []string{"ws://" + port.Reserve(t)}, Key: "key"})
	wantFailure(t, cases["resolve+connect"], "connection refused", "a TCP connection")
	for _, name := range names[1:] {
		wantSkipped(t, cases[name], "because resolve+connect failed")
	}
}

func TestOneURLDoesNotSpoilTheNext(t *testing.T) {
	o := startStack(t, 1).options()
	o.URLs = []string{"ws://127.0.0.1:1", o.URLs[0]}
	report, err := smoke.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	wantOnlyFailure(t, byName(report.URLs[0]), "resolve+connect")
	wantOnlyFailure(t, byName(report.URLs[1]), "")
}

func TestAnUntrustedCertificateFails(t *testing.T) {
	o := startStack(t, 1).options()
	o.Roots = x509.NewCertPool()
	cases := run(t, o)
	wantFailure(t, cases["tls"], "is signed by itself, which is not trusted", "a trusted certificate for 127.0.0.1 (--ca names another authority")
	wantSkipped(t, cases["upgrade"], "because tls failed")
}

func TestInsecureAcceptsAnyCertificate(t *testing.T) {
	o := startStack(t, 1).options()
	o.Roots, o.Insecure = x509.NewCertPool(), true
	cases := run(t, o)
	wantOnlyFailure(t, cases, "")
	wantDetail(t, cases["tls"], "not verified")
}

func TestACertificateForAnotherHostFails(t *testing.T) {
	o := startStack(t, 1).options()
	o.URLs[0] = strings.Replace(o.URLs[0], "127.0.0.1", "127.0.0.2", 1)
	cases := run(t, o)
	if cases["resolve+connect"].Result != smoke.Pass {
		o.URLs[0] = strings.Replace(o.URLs[0], "127.0.0.2", "localhost", 1) // only Linux has all of 127/8
		cases = run(t, o)
	}
	wantFailure(t, cases["tls"], "tls: certificate is not valid for", "a trusted certificate for")
}

func TestACertificateThatEndsSoonFails(t *testing.T) {
	o := startStack(t, 1).options()
	o.MinValid = 200 * 365 * 24 * time.Hour
	wantFailure(t, run(t, o)["tls"], "days left", "at least 73000 days left")
}

func TestAnUpPageThatIsNot200FailsAndTheRestGoesOn(t *testing.T) {
	s := startStack(t, 1)
	s.setFaults(devnode.Faults{Up: 503})
	cases := run(t, s.options())
	wantFailure(t, cases["http"], "503 Service Unavailable", "200 for GET /up")
	wantOnlyFailure(t, cases, "http")
}

func TestARefusedUpgradeFails(t *testing.T) {
	s := startStack(t, 1)
	s.setFaults(devnode.Faults{Refuse: 503, CloseRefused: true})
	cases := run(t, s.options())
	wantFailure(t, cases["upgrade"], "503 Service Unavailable", "101 Switching Protocols")
	wantSkipped(t, cases["event"], "because upgrade failed")
}

func TestAnUnknownKeyFailsConnectionEstablished(t *testing.T) {
	o := startStack(t, 1).options()
	o.Key = "unknown"
	cases := run(t, o)
	wantFailure(t, cases["connection_established"], "4001", "pusher:connection_established")
	wantSkipped(t, cases["ping"], "because connection_established failed")
}

func TestAnEndAfterThe101FailsConnectionEstablished(t *testing.T) {
	s := startStack(t, 1)
	s.setFaults(devnode.Faults{EndAfter101: true})
	wantFailure(t, run(t, s.options())["connection_established"], "the connection's end", "pusher:connection_established")
}

// silence is how long a case waits for what does not come: long enough that all
// else comes in time, on a slow machine too. Tests that wait do so together.
const silence = 10 * time.Second

func TestASilentNodeFailsConnectionEstablishedInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	s := startStack(t, 1)
	s.setFaults(devnode.Faults{Mute: true})
	o := s.options()
	o.Timeout = silence
	wantFailure(t, run(t, o)["connection_established"], "no answer in 10s", "pusher:connection_established")
}

func TestAMissingPongFailsPing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	s := startStack(t, 1)
	s.setFaults(devnode.Faults{NoPong: true})
	o := s.options()
	o.Timeout = silence
	cases := run(t, o)
	wantFailure(t, cases["ping"], "no answer in 10s", "pusher:pong")
	wantOnlyFailure(t, cases, "ping")
}

func TestAnotherNodeAtAReconnectFailsPin(t *testing.T) {
	s := startStack(t, 2)
	s.front.forgetful = true
	wantFailure(t, run(t, s.options())["pin"], "another cookie at reconnect 1", "the same node every time")
}

func TestACookieThatBrowsersKeepToThemselvesFailsPin(t *testing.T) {
	s := startStack(t, 2)
	s.front.elsewhere = true
	wantFailure(t, run(t, s.options())["pin"], "a cookie that a browser does not send back", "wss://")
}

func TestAMissingCookieFailsPinOnlyWhenExpected(t *testing.T) {
	s := startStack(t, 2)
	s.front.noCookie = true
	o := s.options()
	wantSkipped(t, run(t, o)["pin"], "pinned by IP, or not Fermata")
	o.ExpectCookie = true
	wantFailure(t, run(t, o)["pin"], "without the cookie fermata", "Set-Cookie: fermata=")
}

func TestNodesThatDoNotShareEventsFailEvent(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	o := startStackWith(t, 3, devnode.Options{}).options()
	o.Nodes, o.Timeout = 3, silence
	cases := run(t, o)
	wantFailure(t, cases["event"], "nothing at 2 of 3 clients, on 2 nodes", "the event at all clients on 3 nodes")
	wantOnlyFailure(t, cases, "event")
}

func TestANodeThatCannotBeFoundFailsEvent(t *testing.T) {
	o := startStack(t, 2).options()
	o.Nodes = 3
	wantFailure(t, run(t, o)["event"], "48 clients on 2 nodes", "clients on 3 nodes")
}

func TestAWrongSecretFailsEvent(t *testing.T) {
	o := startStack(t, 1).options()
	o.Secret = "wrong"
	wantFailure(t, run(t, o)["event"], "401", "200 for the event's POST")
}

func TestAnUnansweredCloseFailsCleanClose(t *testing.T) {
	s := startStack(t, 1)
	s.front.dropsOnClose = true
	cases := run(t, s.options())
	wantFailure(t, cases["clean close"], "the connection's end", "Close 1000 in answer")
	wantOnlyFailure(t, cases, "clean close")
}

func TestWrongOptionsAreRefusedBeforeAnythingIsTested(t *testing.T) {
	refused := func(want string, o smoke.Options) {
		t.Helper()
		report, err := smoke.Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), want) || len(report.URLs) > 0 {
			t.Errorf("got %v and %d reports, want an error with %q", err, len(report.URLs), want)
		}
	}
	url := []string{"wss://ws.example.com"}
	refused("no URL", smoke.Options{Key: "k"})
	refused("no app key", smoke.Options{URLs: url})
	refused("both or none", smoke.Options{URLs: url, Key: "k", AppID: "1"})
	refused("both or none", smoke.Options{URLs: url, Key: "k", Secret: "s"})
	refused("negative", smoke.Options{URLs: url, Key: "k", Nodes: -1})
	refused("want ws://", smoke.Options{URLs: []string{"https://ws.example.com"}, Key: "k"})
	refused("origin", smoke.Options{URLs: url, Key: "k", Origin: "app.example.com"})
	refused("origin", smoke.Options{URLs: url, Key: "k", Origin: "https://app.example.com/"})
	refused("want ws://", smoke.Options{URLs: []string{"ws.example.com"}, Key: "k"})
	refused("at most a path", smoke.Options{URLs: []string{"ws://h?a=b"}, Key: "k"})
	refused("xxxxx", smoke.Options{URLs: []string{"ws://user:hunter2@h"}, Key: "k"})
}

func wantFailure(t *testing.T, c smoke.Case, got, want string) {
	t.Helper()
	if c.Result != smoke.Fail || !strings.Contains(c.Got, got) || !strings.Contains(c.Want, want) {
		t.Errorf("%s: got %s (%s), want a failure with got %q and want %q", c.Name, c.Result, c.Text(), got, want)
	}
}

func wantSkipped(t *testing.T, c smoke.Case, why string) {
	t.Helper()
	if c.Result != smoke.Skipped || !strings.Contains(c.Detail, why) {
		t.Errorf("%s: got %s (%s), want it skipped with %q", c.Name, c.Result, c.Text(), why)
	}
}

func wantDetail(t *testing.T, c smoke.Case, detail string) {
	t.Helper()
	if c.Result != smoke.Pass || !strings.Contains(c.Detail, detail) {
		t.Errorf("%s: got %s (%s), want it to pass with %q", c.Name, c.Result, c.Text(), detail)
	}
}

// wantOnlyFailure is for one case that fails and disturbs no other; "": none.
func wantOnlyFailure(t *testing.T, cases map[string]smoke.Case, name string) {
	t.Helper()
	for _, c := range cases {
		if (c.Result == smoke.Fail) != (c.Name == name) {
			t.Errorf("%s: got %s (%s)", c.Name, c.Result, c.Text())
		}
	}
}
