package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fermata/internal/admin"
	"fermata/internal/lab/browser"
)

func TestTheDashboardShowsOldProcessesThatHaveClients(t *testing.T) {
	t.Parallel()
	control := twoNodes()
	control.Predecessors = []admin.Predecessor{
		{PID: 1234, Version: "v1.2 <b>", Clients: 2500, Until: time.Date(2026, 3, 1, 12, 10, 0, 0, time.Local)},
		{PID: 77, Version: strings.Repeat("v1", 100), Clients: 1},
	}
	page := browser.Open(t, "about:blank")
	page.Do(
		chromedp.EmulateViewport(360, 740),
		chromedp.Navigate(start(t, server(control, ""))),
		shows("#predecessors li:nth-child(1)", "Process 1234 (v1.2 <b>) still has 2,500 clients, all over by 12:10"),
		shows("#predecessors li:nth-child(2)", ") still has 1 client, until they leave"),
		browser.Until(`document.documentElement.scrollWidth <= innerWidth && innerWidth === 360`),
	)
	page.ComplainsOnlyOf()
}

func TestWithoutAnUpgradeTheDashboardHasNothingOfIt(t *testing.T) {
	t.Parallel()
	page := browser.Open(t, start(t, server(twoNodes(), "")))
	page.Do(shows("#state", "live"), browser.Until(`document.getElementById("predecessors").hidden`))
	page.ComplainsOnlyOf()
}
