package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/lab/browser"
	"fermata/internal/lab/port"
	"fermata/proxy/relay"
)

// shows waits until the element that the selector finds has the text in it.
func shows(selector, text string) chromedp.Action[chromedp.Void] {
	return browser.Until(`document.querySelector("` + selector + `")?.textContent.includes("` + text + `")`)
}

// card finds the card of the node with that number, from 1.
func card(n int) string { return fmt.Sprintf("#nodes li:nth-child(%d) ", n) }

func TestTheDashboardDrainsByForceAndUndrainsInABrowser(t *testing.T) {
	t.Parallel()
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 30, MaxConnections: 100, Reason: "<b>fine</b>", Weight: 2},
		admin.Node{Name: "reverb-2", Connections: 1, Health: "down", Reason: "dial refused", Avoided: true},
	)
	s := server(control, "")
	s.Publish(event(1))
	page := browser.Open(t, start(t, s))
	first := card(1)
	page.Do(browser.Until(`document.querySelector("` + first + `.delivery")?.hidden`))
	control.Change("reverb-1", func(n *admin.Node) { n.Delivery = admin.HealthDown })
	page.Do(shows(first+".delivery:not([hidden])", "delivers nothing"))
	page.Do(
		shows("#state", "live"),
		shows("#usable", "1 of 2"),
		shows("#clients", "31 on 2 nodes"),
		shows(first+".reason", "<b>fine</b>"),
		shows(first+".load", "30 of 100 clients, 30 %"),
		shows(first+".url", "weight 2"),
		browser.Until(`document.querySelector("`+first+`.avoided").hidden`),
		shows(card(2)+".health", "down"),
		browser.Until(`document.querySelector("`+card(2)+`.node-state").hidden`),
		shows(card(2)+".avoided:not([hidden])", "avoided"),
		shows("#events li", "reverb-1: event 1"),
		browser.Click(first+".act"),
		shows("#confirm-title", "Drain reverb-1?"),
		shows("#confirm-error", "no usable node would be left"),
		shows("#confirm-yes", "Drain all the same"),
		browser.Click("#confirm-yes"),
		browser.Until(`!document.getElementById("confirm").open`),
		shows(first+".node-state", "draining"),
		shows(first+".drain-text", "30 of 30 left, 100/s, until"),
	)
	s.Publish(event(2))
	page.Do(
		shows("#events li:first-child", "event 2"),
		browser.Click(first+".act"),
		shows("#confirm-title", "Undrain reverb-1?"),
		browser.Type("#confirm-yes", "\r"),
		shows(first+".node-state", "ready"),
	)
	page.ComplainsOnlyOf("409")
}

func TestTheDashboardShowsTheForecastAndADrainToItsEnd(t *testing.T) {
	t.Parallel()
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 40},
		admin.Node{Name: "reverb-2", Connections: 60, MaxConnections: 90},
	)
	page := browser.Open(t, start(t, server(control, "")))
	page.Do(
		browser.Click(card(1)+".act"),
		shows("#forecast tbody tr", "60 → 100 of 90, too many"),
		browser.Until(`document.activeElement.value === "cancel"`),
		browser.Click("#options summary"),
		browser.Type("#rate", "7"),
		browser.Type("#deadline", "soon"),
		browser.Click("#dry-run"),
		shows("#confirm-error", "got \\\"soon\\\", want a duration"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("deadline").value = "2m"`),
		browser.Click("#dry-run"),
		shows("#forecast:not([hidden])", "reverb-2"),
	)
	wantLast(t, control, "a dry run at 7", func(r admin.DrainRequest) bool { return r.DryRun && r.Rate != nil && *r.Rate == 7 })
	page.Do(
		browser.Click("#confirm-yes"),
		shows(card(1)+".drain-text", "40 of 40 left, 7/s, until"),
		browser.Until(`document.querySelector("`+card(1)+`.plan").getAttribute("d").startsWith("M0")`),
		browser.Click(card(1)+".change"),
		shows("#confirm-title", "Change the drain of reverb-1?"),
		browser.Click("#confirm button[value=cancel]"),
		browser.Until(`!document.getElementById("confirm").open`),
	)
	page.Do(browser.Until(`document.querySelector("` + card(1) + `.outcome").hidden`))
	control.Change("reverb-1", func(n *admin.Node) {
		n.Connections, n.Drain.Outcome = 15, admin.Outcome{Moved: 20, Closed: 5, Text: "20 moved, 5 closed: timed out"}
	})
	page.Do(
		shows(card(1)+".drain-text", "15 of 40 left"),
		shows(card(1)+".outcome:not([hidden])", "20 moved, 5 closed: timed out"),
	)
	control.Change("reverb-2", func(n *admin.Node) { n.Moves = &admin.Outcome{Closed: 1, Text: "1 closed: without a session"} })
	page.Do(shows(card(2)+".outcome:not([hidden])", "1 closed: without a session"))
	control.Change("reverb-1", func(n *admin.Node) { n.Connections = 0 })
	page.Do(
		shows(card(1)+".node-state", "drained"),
		shows(card(1)+".drain-text", "All 40 clients have gone."),
		shows("#usable", "1 of 2"),
	)
	page.ComplainsOnlyOf("400")
}

// wantLast waits until the last drain that was asked for is so: the page may
// show what came of an earlier one.
func wantLast(t *testing.T, control *admintest.Control, what string, so func(admin.DrainRequest) bool) {
	t.Helper()
	look, timeout := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for {
		all := control.Requests()
		if len(all) > 0 && so(all[len(all)-1]) {
			return
		}
		select {
		case <-look.C:
		case <-timeout:
			t.Fatalf("got %+v, want %s as the last", all, what)
		}
	}
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
	t.Parallel()
	s := server(twoNodes(), "")
	recordMinutes(t, s)
	page := browser.Open(t, start(t, s))
	page.Do(
		shows("#chart-clients .legend", "reverb-1 7"),
		shows("#chart-churn .legend", "by drain"),
		shows("#churn", "+0.4 −0.2 /s"),
		shows("#messages", "20 /s"),
		shows("#bytes", "1 KB /s"),
		shows("#chart-checks .legend", "reverb-1 3 ms"),
	)
	for _, id := range []string{"#chart-clients", "#chart-churn", "#chart-messages", "#chart-bytes", "#chart-checks"} {
		page.Do(browser.Until(fmt.Sprintf(`(%s)(%q) > 100`, drawn, id)))
	}
	page.Do(
		browser.Click("#chart-clients .legend button"),
		browser.Until(`document.querySelector("#chart-clients .legend button").ariaPressed === "false"`),
		browser.Until(fmt.Sprintf(`(%s)("#chart-clients") === 0`, drawn)),
		browser.Type("#chart-clients .legend button", " "),
		browser.Until(fmt.Sprintf(`(%s)("#chart-clients") > 100`, drawn)),
		browser.Type("#chart-bytes .plot", kb.ArrowLeft),
		browser.Until(`document.querySelector("#chart-bytes .plot").dataset.time !== ""`),
		browser.Until(`document.querySelector("#chart-checks .plot").dataset.time !== ""`),
		dark,
		browser.Until(`getComputedStyle(document.body).backgroundColor === "rgb(18, 21, 26)"`),
		browser.Until(fmt.Sprintf(`(%s)("#chart-messages") > 100`, drawn)),
	)
	page.ComplainsOnlyOf("willReadFrequently") // which is drawn's own
}

var dark = chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return err
})

func TestTheDashboardComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	address := port.Reserve(t)
	s := server(twoNodes(), "")
	s.Publish(event(1))
	stop := serve(t, s, listen(t, address))
	page := browser.Open(t, "http://"+address)
	page.Do(shows("#state", "live"), shows("#events", "event 1"))
	stop()
	page.Do(
		shows("#state", "Fermata does not answer; this is from"),
		browser.Until(`document.body.classList.contains("lost")`),
	)
	s = server(admintest.New(admin.Node{Name: "reverb-9"}), "")
	s.Publish(event(2))
	serve(t, s, listen(t, address))
	page.Do(
		shows("#state", "live"),
		shows(card(1)+".name", "reverb-9"),
		browser.Until(`document.querySelectorAll("#nodes li").length === 1`),
		browser.Until(`document.querySelectorAll("#events li").length === 2`),
		shows("#events li:first-child", "event 2"),
	)
	page.ComplainsOnlyOf("net::ERR")
}

func TestTheDashboardFitsAPhone(t *testing.T) {
	t.Parallel()
	c := newCounted()
	long := strings.Repeat("reverb-with-a-long-name-", 5)
	s := server(admintest.New(
		admin.Node{Name: long, URL: "http://" + long + ".example.com:8080", Connections: 123456, Reason: strings.Repeat("timeout", 20)},
		admin.Node{Name: "reverb-2", MaxConnections: 1000},
	), "")
	record(t, s, c, 50*time.Millisecond)
	s.Publish(admin.Event{Time: time.Now(), Type: "node_down", Node: long, Message: strings.Repeat("timeout", 20)})
	fits := browser.Until(`document.documentElement.scrollWidth <= innerWidth && innerWidth === 360`)
	page := browser.Open(t, "about:blank")
	page.Do(
		chromedp.EmulateViewport(360, 740),
		chromedp.Navigate(start(t, s)),
		shows("#state", "live"),
		browser.Until(`document.querySelectorAll("canvas").length === 5`),
		fits,
		browser.Click(card(1)+".act"),
		shows("#forecast", "reverb-2"),
		browser.Click("#options summary"),
		browser.Until(`document.getElementById("confirm").scrollWidth <= document.getElementById("confirm").clientWidth`),
		fits,
	)
	page.ComplainsOnlyOf()
}

func TestTheDashboardAsksForTheToken(t *testing.T) {
	t.Parallel()
	s := server(twoNodes(), "secret")
	s.Publish(event(1))
	page := browser.Open(t, start(t, s))
	page.Do(
		browser.Until(`document.getElementById("ask").open`),
		browser.Type("#token", "wrong\r"),
		shows("#ask-error", "That token is wrong."),
		browser.Type("#token", "secret\r"),
		shows("#state", "live"),
		shows("#nodes .name", "reverb-1"),
		shows("#events li", "event 1"),
		browser.Until(`sessionStorage.getItem("token") === "secret"`),
	)
	page.ComplainsOnlyOf("401")
}
