package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fermata/internal/admin"
	"fermata/internal/lab/browser"
)

func TestTheDashboardShowsWhatIsWrongWithACertificate(t *testing.T) {
	t.Parallel()
	control, now := twoNodes(), time.Now()
	control.Certificates = []admin.Certificate{
		{Domain: "good.example.com", NotAfter: time.Date(2199, 3, 1, 12, 0, 0, 0, time.Local)},
		{Domain: "kept.example.com", NotAfter: now.Add(72 * time.Hour), Failures: 4, Reason: "CA: <b>rateLimited</b>", Next: time.Date(2026, 3, 1, 14, 3, 0, 0, time.Local)},
		{Domain: "new.example.com"},
		{Domain: "failed.example.com", Failures: 1, Reason: "no such name", Next: now},
		{Domain: "old.example.com", NotAfter: now.Add(-time.Hour), Failures: 9, Reason: "CA away", Next: now},
	}
	page := browser.Open(t, start(t, server(control, "")))
	row := func(n string) string { return "#certificates tbody tr:nth-child(" + n + ")" }
	page.Do(
		shows(row("1"), "good.example.comgood until Mar 1, 2199, 12:00"),
		shows(row("2"), "kept.example.com"),
		shows(row("2")+" .wait", ", not renewed: CA: <b>rateLimited</b> (4 attempts, the next at 14:03:00)"),
		shows(row("3"), "new.example.comnone yet, ordered"),
		shows(row("4")+" .down", "none yet: no such name (1 attempt, the next at"),
		shows(row("5"), "old.example.comexpired "),
		shows(row("5")+" .down", ": CA away (9 attempts"),
	)
	page.ComplainsOnlyOf()
}

func TestWithoutACMETheDashboardHasNothingOfIt(t *testing.T) {
	t.Parallel()
	page := browser.Open(t, start(t, server(twoNodes(), "")))
	page.Do(shows("#state", "live"), browser.Until(`document.getElementById("certificates").hidden`))
	page.ComplainsOnlyOf()
}

func TestCertificatesFitAPhone(t *testing.T) {
	t.Parallel()
	control := twoNodes()
	control.Certificates = []admin.Certificate{{Domain: strings.Repeat("ws.", 40) + "example.com", Failures: 3, Reason: strings.Repeat("unauthorized", 20)}}
	page := browser.Open(t, "about:blank")
	page.Do(
		chromedp.EmulateViewport(360, 740),
		chromedp.Navigate(start(t, server(control, ""))),
		shows("#certificates", "none yet"),
		browser.Until(`document.documentElement.scrollWidth <= innerWidth && innerWidth === 360`),
		browser.Until(`document.querySelector("#certificates .wide").scrollWidth <= document.querySelector("#certificates .wide").clientWidth`),
	)
	page.ComplainsOnlyOf()
}
