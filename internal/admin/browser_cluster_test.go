package admin_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fermata/internal/admin"
	"fermata/internal/lab/browser"
)

func TestTheDashboardShowsTheMembersAndWhatOneOfThemHas(t *testing.T) {
	t.Parallel()
	control := threeMembers()
	page := browser.Open(t, start(t, server(control, "")))
	page.Do(
		shows("#clients", "63 on 2 nodes"),
		shows("#members tbody tr:nth-child(1)", "edge-1 (this one)11ready1.2.0"),
		shows("#members tbody tr:nth-child(2)", "edge-220not ready1.2.0"),
		shows("#members tbody tr:nth-child(3)", "edge-332stopping1.1.0"),
		shows("#cluster", "of the cluster default"),
		shows("#charts-note:not([hidden])", "those of edge-1 only"),
		shows("dt .here:not([hidden])", "here"),
		shows(card(1)+".health.up", "up"),
		shows(card(2)+".health.wait", "up on 2 of 3"),
		shows(card(2)+".reason", "down on edge-2: connection refused"),
		browser.Until(`document.getElementById("away").hidden`),
		browser.Click("#local"),
		shows("#clients", "11 on 2 nodes"),
		shows("#cluster", "the numbers above are edge-1’s only"),
		shows("#state", "live"),
		browser.Click("#local"),
		shows("#clients", "63 on 2 nodes"),
	)
	if _, err := control.Drain("reverb-1", admin.DrainRequest{}); err != nil {
		t.Fatal(err)
	}
	page.Do(
		shows(card(1)+".drain-members", "edge-1 10, edge-2 20, edge-3 30"),
		browser.Until(`document.querySelector("`+card(1)+`.plan").getAttribute("d").startsWith("M0")`),
		browser.Click("#local"),
		shows(card(1)+".drain-text", "100/s with the other members"),
		browser.Until(`document.querySelector("`+card(1)+`.plan").getAttribute("d") === ""`),
	)
	page.ComplainsOnlyOf()
}

func TestWithRedisAwayTheDashboardSaysSoAndChangesOneMember(t *testing.T) {
	t.Parallel()
	control := threeMembers()
	page := browser.Open(t, start(t, server(control, "")))
	page.Do(shows("#clients", "63"))
	control.ChangeCluster(func(c *admin.Cluster) {
		c.Away, c.Since = "<b>connection refused</b>", time.Date(2026, 3, 1, 12, 0, 5, 0, time.Local)
	})
	page.Do(
		shows("#away:not([hidden])", "Redis cannot be reached since 12:00:05: <b>connection refused</b>."),
		browser.Click(card(1)+".act"),
		shows("#forecast", "reverb-2"),
		browser.Click("#confirm-yes"),
		shows("#confirm-error", "the cluster's Redis cannot be reached"),
		shows("#confirm-yes", "Drain on this member alone"),
		browser.Click("#confirm-yes"),
		browser.Until(`!document.getElementById("confirm").open`),
		shows(card(1)+".node-state", "draining"),
		browser.Click(card(1)+".act"),
		browser.Click("#confirm-yes"),
		shows("#confirm-yes", "Undrain on this member alone"),
		browser.Click("#confirm-yes"),
		shows(card(1)+".node-state", "ready"),
	)
	wantLast(t, control, "a drain of one member", func(r admin.DrainRequest) bool { return r.Local && !r.Force && !r.DryRun })
	control.ChangeCluster(func(c *admin.Cluster) { c.Away = "" })
	page.Do(browser.Until(`document.getElementById("away").hidden`))
	page.ComplainsOnlyOf("503")
}

func TestMembersFitAPhone(t *testing.T) {
	t.Parallel()
	control := threeMembers()
	control.Cluster.Members[1].Name = "edge-with-a-name-that-is-as-long-as-the-name-of-a-pod-7d4b9c6f5-x2x9z"
	control.Cluster.Away = "dial tcp 127.0.0.1:6379: connect: connection refused"
	page := browser.Open(t, "about:blank")
	page.Do(
		chromedp.EmulateViewport(360, 740),
		chromedp.Navigate(start(t, server(control, ""))),
		shows("#members", "this one"),
		browser.Until(`document.documentElement.scrollWidth <= innerWidth && innerWidth === 360`),
		browser.Until(`document.querySelector(".wide").scrollWidth <= document.querySelector(".wide").clientWidth`),
	)
	page.ComplainsOnlyOf()
}

func TestWithoutAClusterTheDashboardHasNothingOfIt(t *testing.T) {
	t.Parallel()
	page := browser.Open(t, start(t, server(twoNodes(), "")))
	page.Do(shows("#state", "live"))
	for _, id := range []string{"away", "members", "charts-note"} {
		page.Do(browser.Until(`document.getElementById("` + id + `").hidden`))
	}
	page.Do(browser.Until(`[...document.querySelectorAll(".here")].every((note) => note.hidden)`))
	page.ComplainsOnlyOf()
}
