package admin_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/proxy/relay"
)

// browse opens the address in a headless Chromium, which ends with the test,
// and collects its complaints.
func browse(t *testing.T, address string) (tab context.Context, complaints func() string) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("no chromium here; get what the tests need with: make setup")
	}
	tab = newTab(t)
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(address))
	return tab, func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(all, "\n") }
}

func newTab(t *testing.T) context.Context {
	t.Helper()
	life, end := context.WithTimeout(context.Background(), 2*time.Minute)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	browser, stop := chromedp.NewExecAllocator(life, flags...)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(func() {
		if err := chromedp.Cancel(tab); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		closeTab()
		stop()
		end()
	})
	return tab
}

func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// until waits until the expression is true in the page.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(time.Minute))
}

// shows waits until the element that the selector finds has the text in it.
func shows(selector, text string) chromedp.Action[chromedp.Void] {
	return until(`document.querySelector("` + selector + `")?.textContent.includes("` + text + `")`)
}

// only checks that the browser complains about nothing but the statuses.
func only(t *testing.T, complaints string, statuses ...string) {
	t.Helper()
	for line := range strings.SplitSeq(complaints, "\n") {
		known := line == ""
		for _, status := range statuses {
			known = known || strings.Contains(line, status)
		}
		if !known {
			t.Errorf("the browser complains: %s", line)
		}
	}
}

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// card finds the card of the node with that number, from 1.
func card(n int) string { return fmt.Sprintf("#nodes li:nth-child(%d) ", n) }

func TestTheDashboardDrainsByForceAndUndrainsInABrowser(t *testing.T) {
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 30, MaxConnections: 100, Reason: "<b>fine</b>", Weight: 2},
		admin.Node{Name: "reverb-2", Connections: 1, Health: "down", Reason: "dial refused", Avoided: true},
	)
	s := server(control, "")
	s.Publish(event(1))
	tab, complaints := browse(t, start(t, s))
	first := card(1)
	do(t, tab,
		shows("#state", "live"),
		shows("#usable", "1 of 2"),
		shows("#clients", "31 on 2 nodes"),
		shows(first+".reason", "<b>fine</b>"),
		shows(first+".load", "30 of 100 clients, 30 %"),
		shows(first+".url", "weight 2"),
		until(`document.querySelector("`+first+`.avoided").hidden`),
		shows(card(2)+".health", "down"),
		until(`document.querySelector("`+card(2)+`.node-state").hidden`),
		shows(card(2)+".avoided:not([hidden])", "avoided"),
		shows("#events li", "reverb-1: event 1"),
		click(first+".act"),
		shows("#confirm-title", "Drain reverb-1?"),
		shows("#confirm-error", "no usable node would be left"),
		shows("#confirm-yes", "Drain all the same"),
		click("#confirm-yes"),
		until(`!document.getElementById("confirm").open`),
		shows(first+".node-state", "draining"),
		shows(first+".drain-text", "30 of 30 left, 100/s, until"),
	)
	s.Publish(event(2))
	do(t, tab,
		shows("#events li:first-child", "event 2"),
		click(first+".act"),
		shows("#confirm-title", "Undrain reverb-1?"),
		chromedp.SendKeys(chromedp.CSS("#confirm-yes"), "\r"),
		shows(first+".node-state", "ready"),
	)
	only(t, complaints(), "409")
}

func TestTheDashboardShowsTheForecastAndADrainToItsEnd(t *testing.T) {
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 40},
		admin.Node{Name: "reverb-2", Connections: 60, MaxConnections: 90},
	)
	tab, complaints := browse(t, start(t, server(control, "")))
	do(t, tab,
		click(card(1)+".act"),
		shows("#forecast tbody tr", "60 → 100 of 90, too many"),
		until(`document.activeElement.value === "cancel"`),
		click("#options summary"),
		chromedp.SendKeys(chromedp.CSS("#rate"), "7"),
		chromedp.SendKeys(chromedp.CSS("#deadline"), "soon"),
		click("#dry-run"),
		shows("#confirm-error", "got \\\"soon\\\", want a duration"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("deadline").value = "2m"`),
		click("#dry-run"),
		shows("#forecast:not([hidden])", "reverb-2"),
	)
	if got := control.Requests(); !got[len(got)-1].DryRun || *got[len(got)-1].Rate != 7 {
		t.Errorf("got %+v, want only dry runs until now, the last at 7", got)
	}
	do(t, tab,
		click("#confirm-yes"),
		shows(card(1)+".drain-text", "40 of 40 left, 7/s, until"),
		until(`document.querySelector("`+card(1)+`.plan").getAttribute("d").startsWith("M0")`),
		click(card(1)+".change"),
		shows("#confirm-title", "Change the drain of reverb-1?"),
		click("#confirm button[value=cancel]"),
		until(`!document.getElementById("confirm").open`),
	)
	control.Change("reverb-1", func(n *admin.Node) { n.Connections = 15 })
	do(t, tab, shows(card(1)+".drain-text", "15 of 40 left"))
	control.Change("reverb-1", func(n *admin.Node) { n.Connections = 0 })
	do(t, tab,
		shows(card(1)+".node-state", "drained"),
		shows(card(1)+".drain-text", "All 40 clients have moved."),
		shows("#usable", "1 of 2"),
	)
	only(t, complaints(), "400")
}

// recordMinutes makes a history of ten minutes, in no time, with something in
// every chart.
func recordMinutes(t *testing.T, s *admin.Server) {
	c := newCounted()
	recorded(t, s, c, 5*time.Second, func() {
		s.Publish(admin.Event{Time: time.Now(), Type: "reload", Message: "3 nodes"})
		for i := range int64(120) {
			c.Handshake("reverb-1", "ok")
			c.Handshake("reverb-1", "ok")
			c.Closed("reverb-1", "drain", time.Minute)
			c.Checked("reverb-1", 3*time.Millisecond)
			c.totals.Store(&relay.Totals{MessagesToClient: 100 * i, BytesToClient: 5000 * i})
			time.Sleep(5 * time.Second)
		}
	})
}

// drawn is how many of a chart's points have the colour of its first series.
const drawn = `(id) => {
	const canvas = document.querySelector(id + " canvas");
	if (!canvas) return 0;
	const [r, g, b] = getComputedStyle(document.querySelector(id + " .legend .key")).stroke.match(/\d+/g).map(Number);
	const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
	let points = 0;
	for (let i = 0; i < data.length; i += 4) {
		if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) points++;
	}
	return points;
}`

func TestTheChartsOfTheDashboardAreDrawn(t *testing.T) {
	s := server(twoNodes(), "")
	recordMinutes(t, s)
	tab, complaints := browse(t, start(t, s))
	do(t, tab,
		shows("#chart-clients .legend", "reverb-1 7"),
		shows("#chart-churn .legend", "by drain"),
		shows("#churn", "+0.4 −0.2 /s"),
		shows("#messages", "20 /s"),
		shows("#bytes", "1 KB /s"),
		shows("#chart-checks .legend", "reverb-1 3 ms"),
	)
	for _, id := range []string{"#chart-clients", "#chart-churn", "#chart-messages", "#chart-bytes", "#chart-checks"} {
		do(t, tab, until(fmt.Sprintf(`(%s)(%q) > 100`, drawn, id)))
	}
	do(t, tab,
		click("#chart-clients .legend button"),
		until(`document.querySelector("#chart-clients .legend button").ariaPressed === "false"`),
		until(fmt.Sprintf(`(%s)("#chart-clients") === 0`, drawn)),
		chromedp.SendKeys(chromedp.CSS("#chart-clients .legend button"), " "),
		until(fmt.Sprintf(`(%s)("#chart-clients") > 100`, drawn)),
		chromedp.SendKeys(chromedp.CSS("#chart-bytes .plot"), kb.ArrowLeft),
		until(`document.querySelector("#chart-bytes .plot").dataset.time !== ""`),
		until(`document.querySelector("#chart-checks .plot").dataset.time !== ""`),
		dark,
		until(`getComputedStyle(document.body).backgroundColor === "rgb(18, 21, 26)"`),
		until(fmt.Sprintf(`(%s)("#chart-messages") > 100`, drawn)),
	)
	only(t, complaints(), "willReadFrequently") // which is drawn's own
}

var dark = chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return err
})

func TestTheDashboardComesBackAfterARestart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	s := server(twoNodes(), "")
	s.Publish(event(1))
	stop := serve(t, s, listener)
	tab, complaints := browse(t, "http://"+address)
	do(t, tab, shows("#state", "live"), shows("#events", "event 1"))
	stop()
	do(t, tab,
		shows("#state", "Fermata does not answer; this is from"),
		until(`document.body.classList.contains("lost")`),
	)
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	s = server(admintest.New(admin.Node{Name: "reverb-9"}), "")
	s.Publish(event(2))
	serve(t, s, listener)
	do(t, tab,
		shows("#state", "live"),
		shows(card(1)+".name", "reverb-9"),
		until(`document.querySelectorAll("#nodes li").length === 1`),
		until(`document.querySelectorAll("#events li").length === 2`),
		shows("#events li:first-child", "event 2"),
	)
	only(t, complaints(), "net::ERR")
}

func TestTheDashboardFitsAPhone(t *testing.T) {
	c := newCounted()
	long := strings.Repeat("reverb-with-a-long-name-", 5)
	s := server(admintest.New(
		admin.Node{Name: long, URL: "http://" + long + ".example.com:8080", Connections: 123456, Reason: strings.Repeat("timeout", 20)},
		admin.Node{Name: "reverb-2", MaxConnections: 1000},
	), "")
	record(t, s, c, 50*time.Millisecond)
	s.Publish(admin.Event{Time: time.Now(), Type: "node_down", Node: long, Message: strings.Repeat("timeout", 20)})
	fits := until(`document.documentElement.scrollWidth <= innerWidth && innerWidth === 360`)
	tab, complaints := browse(t, "about:blank")
	do(t, tab,
		chromedp.EmulateViewport(360, 740),
		chromedp.Navigate(start(t, s)),
		shows("#state", "live"),
		until(`document.querySelectorAll("canvas").length === 5`),
		fits,
		click(card(1)+".act"),
		shows("#forecast", "reverb-2"),
		click("#options summary"),
		until(`document.getElementById("confirm").scrollWidth <= document.getElementById("confirm").clientWidth`),
		fits,
	)
	only(t, complaints())
}

func TestTheDashboardAsksForTheToken(t *testing.T) {
	s := server(twoNodes(), "secret")
	s.Publish(event(1))
	tab, complaints := browse(t, start(t, s))
	do(t, tab,
		until(`document.getElementById("ask").open`),
		chromedp.SendKeys(chromedp.CSS("#token"), "wrong\r"),
		shows("#ask-error", "That token is wrong."),
		chromedp.SendKeys(chromedp.CSS("#token"), "secret\r"),
		shows("#state", "live"),
		shows("#nodes .name", "reverb-1"),
		shows("#events li", "event 1"),
		until(`sessionStorage.getItem("token") === "secret"`),
	)
	only(t, complaints(), "401")
}
